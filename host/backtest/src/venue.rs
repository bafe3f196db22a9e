//! The simulated exchange reached as values: requests are built and signed by the
//! client's own code, answers and user events are read by the client's own parsers.
//! Only the socket is missing.

use ringfence_binance::request::orders::among_plugins;
use ringfence_binance::{Credentials, answer, request};
use ringfence_exchange::{Exchange, HttpRequest, HttpResponse};
use ringfence_model::event::{Book, Kline};
use ringfence_model::venue::{ClientOrderId, CommandKind, VenueEvent, VenueFill, VenueList, VenueOrder};
use ringfence_model::{Balance, Decimal, Instrument, Timestamp};
use ringfence_wire::WireError;
use ringfence_wire::user::UserEvent;

/// How long a signed request is valid, in milliseconds: the venue's default.
const RECV_WINDOW_MS: u64 = 5_000;

/// An exchange in this process and the keys to one of its accounts.
#[derive(Debug)]
pub struct Venue {
    pub(crate) exchange: Exchange,
    credentials: Credentials,
}

impl Venue {
    /// Takes the exchange and the keys of the account that trades.
    pub fn new(exchange: Exchange, credentials: Credentials) -> Self {
        Venue { exchange, credentials }
    }

    /// The exchange itself.
    pub const fn exchange(&mut self) -> &mut Exchange {
        &mut self.exchange
    }

    fn send(&mut self, now: Timestamp, request: &request::Request, signed: bool) -> HttpResponse {
        let sent =
            if signed { request.sign(&self.credentials, now.as_millis(), RECV_WINDOW_MS) } else { request.unsigned() };
        let http = HttpRequest {
            method: sent.method.as_str(),
            path: sent.path,
            query: &sent.query,
            body: "",
            api_key: signed.then(|| self.credentials.api_key()),
            ..HttpRequest::default()
        };
        self.exchange.http(now, &http)
    }

    /// Places an order.
    pub fn place(&mut self, now: Timestamp, order: &VenueOrder) -> VenueEvent {
        let response = self.send(now, &request::place(order), true);
        answer::command(CommandKind::Place, &order.client_order_id, response.status, response.body.as_bytes())
    }

    /// Cancels an order.
    pub fn cancel(&mut self, now: Timestamp, symbol: &str, id: &ClientOrderId) -> VenueEvent {
        let response = self.send(now, &request::cancel(symbol, id), true);
        answer::command(CommandKind::Cancel, id, response.status, response.body.as_bytes())
    }

    /// Places a list of orders.
    pub fn place_list(&mut self, now: Timestamp, id: &ClientOrderId, list: &VenueList) -> VenueEvent {
        let response = self.send(now, &request::lists::place(id, list, &among_plugins()), true);
        answer::command(CommandKind::Place, id, response.status, response.body.as_bytes())
    }

    /// Cancels all orders of a list.
    pub fn cancel_list(&mut self, now: Timestamp, symbol: &str, id: &ClientOrderId) -> VenueEvent {
        let response = self.send(now, &request::lists::cancel(symbol, id), true);
        answer::command(CommandKind::Cancel, id, response.status, response.body.as_bytes())
    }

    /// Asks for one list, as the engine's question of this number.
    pub fn query_list(&mut self, now: Timestamp, id: &ClientOrderId, question: u64) -> Option<VenueEvent> {
        let response = self.send(now, &request::lists::query(id), true);
        answer::query_list(id, question, response.status, response.body.as_bytes())
    }

    /// Makes an order smaller.
    pub fn amend(&mut self, now: Timestamp, symbol: &str, id: &ClientOrderId, quantity: Decimal) -> VenueEvent {
        let response = self.send(now, &request::amend(symbol, id, quantity), true);
        answer::command(CommandKind::Amend, id, response.status, response.body.as_bytes())
    }

    /// Asks for one order, as the engine's question of this number.
    pub fn query(&mut self, now: Timestamp, symbol: &str, id: &ClientOrderId, question: u64) -> Option<VenueEvent> {
        let response = self.send(now, &request::query(symbol, id), true);
        answer::query(id, question, response.status, response.body.as_bytes())
    }

    /// Asks for the fills of one order.
    ///
    /// # Errors
    /// The answer can't be read.
    pub fn trades(&mut self, now: Timestamp, symbol: &str, order: u64) -> Result<Vec<VenueFill>, WireError> {
        let mut all: Vec<VenueFill> = Vec::new();
        loop {
            let from = all.last().map(|fill| fill.trade_id.saturating_add(1));
            let response = self.send(now, &request::my_trades(symbol, order, from), true);
            let page = answer::trades(response.body.as_bytes())?;
            let is_full = page.len() >= request::TRADES_AT_A_TIME;
            all.extend(page);
            if !is_full {
                return Ok(all);
            }
        }
    }

    /// The account as the venue tells it.
    ///
    /// # Errors
    /// The answer can't be read.
    pub fn account(&mut self, now: Timestamp) -> Result<Vec<Balance>, WireError> {
        let response = self.send(now, &request::account(), true);
        answer::account(response.body.as_bytes())
    }

    /// The book as a depth snapshot tells it.
    ///
    /// # Errors
    /// The answer can't be read.
    pub fn book(&mut self, now: Timestamp, instrument: &Instrument) -> Result<Book, WireError> {
        let response = self.send(now, &request::depth(&instrument.symbol), false);
        answer::depth(instrument, response.body.as_bytes())
    }

    /// Klines of the past; `None` if the venue has no such interval or refuses.
    pub fn klines(
        &mut self,
        now: Timestamp,
        instrument: &Instrument,
        interval: u32,
        start: Option<Timestamp>,
        limit: u32,
    ) -> Option<Vec<Kline>> {
        let request = request::klines(&instrument.symbol, interval, start, limit)?;
        let response = self.send(now, &request, false);
        answer::klines(instrument, interval, now, response.body.as_bytes()).ok()
    }

    /// What the user stream said since the last call.
    ///
    /// # Errors
    /// A payload can't be read.
    pub fn user_events(&mut self, into: &mut Vec<VenueEvent>) -> Result<(), WireError> {
        for message in self.exchange.drain_user() {
            match ringfence_wire::user::parse(message.json.as_bytes())? {
                UserEvent::Report(report) => into.push(VenueEvent::Report(report)),
                UserEvent::Balances { ts, balances } => into.push(VenueEvent::Balances { ts, balances }),
                UserEvent::BalanceDelta { .. } | UserEvent::Terminated | UserEvent::Other(_) => {}
            }
        }
        Ok(())
    }
}
