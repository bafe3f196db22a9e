//! Market streams, the sockets that carry them, and events of the account.

use ringfence_exchange::{LimitConfig, StreamSession, streams};
use ringfence_model::Decimal;

use super::{Row, but, row};
use crate::desk::KEY;

/// Messages to a stream socket, one after the other; the last answer.
fn control(messages: &[&str]) -> String {
    let mut session = StreamSession::open([127, 0, 0, 1].into(), "", true).unwrap();
    messages.iter().map(|message| session.message(message, &LimitConfig::default()).text).last().unwrap()
}

pub const ROWS: &[Row] = &[
    row("streams/trade-streams.1", |desk, _| desk.hear("btcusdt@trade")),
    row("streams/aggregate-trade-streams.1", |desk, _| desk.hear("btcusdt@aggTrade")),
    row("streams/kline-candlestick-streams-for-utc.1", |desk, _| desk.hear("btcusdt@kline_1m")),
    row("streams/kline-candlestick-streams-with-timezone-offset.1", |desk, _| desk.hear("btcusdt@kline_1d@+08:00")),
    row("streams/individual-symbol-mini-ticker-stream.1", |desk, _| desk.hear("btcusdt@miniTicker")),
    row("streams/all-market-mini-tickers-stream.1", |desk, _| desk.hear("!miniTicker@arr")),
    row("streams/individual-symbol-ticker-streams.1", |desk, _| desk.hear("btcusdt@ticker")),
    row("streams/individual-symbol-rolling-window-statistics-streams.1", |desk, _| desk.hear("btcusdt@ticker_1h")),
    row("streams/all-market-rolling-window-statistics-streams.1", |desk, _| desk.hear("!ticker_4h@arr")),
    row("streams/individual-symbol-book-ticker-streams.1", |desk, _| desk.hear("btcusdt@bookTicker")),
    row("streams/average-price.1", |desk, _| desk.hear("btcusdt@avgPrice")),
    row("streams/reference-price-streams.1", |desk, _| desk.hear("btcusdt@referencePrice")),
    row("streams/partial-book-depth-streams.1", |desk, _| desk.hear("btcusdt@depth5@100ms")),
    row("streams/diff-depth-stream.1", |desk, _| desk.hear("btcusdt@depth")),
    row("streams/subscribe-to-a-stream.2", |_, recorded| control(&[&recorded("streams/subscribe-to-a-stream.1")])),
    row("streams/unsubscribe-to-a-stream.2", |_, recorded| control(&[&recorded("streams/unsubscribe-to-a-stream.1")])),
    row("streams/listing-subscriptions.2", |_, recorded| {
        control(&[&recorded("streams/subscribe-to-a-stream.1"), &recorded("streams/listing-subscriptions.1")])
    }),
    row("streams/setting-properties.2", |_, recorded| control(&[&recorded("streams/setting-properties.1")])),
    row("streams/retrieving-properties.2", |_, recorded| control(&[&recorded("streams/retrieving-properties.1")])),
    row("streams/server-shutdown.1", |desk, _| streams::server_shutdown(desk.now, false)),
    row("streams/server-shutdown.2", |desk, _| streams::server_shutdown(desk.now, true)),
    row("user-data/account-update.1", |desk, _| {
        desk.take();
        desk.event("outboundAccountPosition")
    }),
    row("user-data/balance-update.1", |desk, _| {
        desk.exchange.transfer(desk.now, KEY, "BTC", Decimal::ONE).unwrap();
        desk.event("balanceUpdate")
    }),
    row("user-data/event-stream-terminated.1", |desk, _| {
        desk.subscribe();
        desk.frame(r#"{"id":1,"method":"userDataStream.unsubscribe"}"#);
        desk.session.take_events().remove(0)
    }),
    but("user-data/order-update.1", &["v"], &[], |desk, _| {
        desk.rest("");
        desk.event("executionReport")
    }),
    row("user-data/order-reject-reason.1", |desk, recorded| {
        desk.oco(recorded);
        desk.subscribe();
        desk.event("listStatus")
    }),
];
