//! Orders that an earlier run has left on the account: told, and cancelled if the operator
//! wants that; what others have placed is never touched.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use ringfence_binance::limits::SocketLimits;
use ringfence_binance::{Client, ClientConfig, Credentials};
use ringfence_exchange::server::{self, Market};
use ringfence_exchange::{AccountConfig, Exchange, ExchangeConfig};
use ringfence_model::order::Trigger;
use ringfence_model::venue::{ClientOrderId, CommandOutcome, VenueEvent, VenueList, VenueOrder};
use ringfence_model::{Decimal, OrderKind, Side, TimeInForce, Timestamp};

const KEY: &str = "left-over-key";
const SECRET: &str = "left-over-secret";
/// A session of 2026 as the host names it.
const SESSION: &str = "mw9v3s1k";

fn order(name: &str, side: Side, kind: OrderKind) -> VenueOrder {
    VenueOrder { symbol: "BTCUSDT".into(), side, kind, client_order_id: ClientOrderId(name.to_owned()) }
}

async fn open(client: &Client) -> Vec<String> {
    let mut names: Vec<_> =
        client.open_orders("BTCUSDT").await.unwrap().into_iter().map(|order| order.client_order_id.0).collect();
    names.sort();
    names
}

async fn run(dir: &Path) -> String {
    let mut command = common::command(dir, &["--plugins", "none", "--for", "1s", "--json"]);
    command.env("BINANCE_API_KEY", KEY).env("BINANCE_API_SECRET", SECRET).env("XDG_STATE_HOME", dir);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_an_earlier_run_are_told_and_cancelled_on_demand() {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let account = AccountConfig { api_key: KEY.to_owned(), secret: SECRET.to_owned(), ..AccountConfig::default() };
    let exchange = Exchange::new(ExchangeConfig {
        accounts: vec![account],
        start: Timestamp(u64::try_from(since.as_micros()).unwrap()),
        ..ExchangeConfig::default()
    });
    let handle = server::start(exchange.unwrap(), Market::Generator, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let handle = handle.await.unwrap();
    let config = ClientConfig {
        rest_url: handle.rest_url.clone(),
        stream_url: handle.stream_url.clone(),
        ws_api_url: handle.ws_api_url.clone(),
        credentials: Some(Credentials::new(KEY.to_owned(), SECRET.to_owned())),
        recv_window_ms: 5_000,
        sockets: SocketLimits::default(),
        state_file: None,
    };
    let (client, _) = Client::connect(config, &["BTCUSDT".to_owned()], Arc::new(|_| {})).await.unwrap();
    let quantity = Decimal::new(1, 3);
    let limit = |name: &str| {
        let (price, time_in_force) = (Decimal::from(50_000), TimeInForce::Gtc);
        order(name, Side::Buy, OrderKind::Limit { quantity, price, time_in_force, iceberg_quantity: None })
    };
    let ours = format!("{SESSION}-0-1");
    for name in [ours.as_str(), "my-bot-1", "somebody"] {
        let placed = client.place(&limit(name), false).await;
        assert!(matches!(placed, VenueEvent::Answer { outcome: CommandOutcome::Accepted, .. }), "{placed:?}");
    }
    let pair = VenueList::Oco {
        above: order(
            &format!("{SESSION}-0-2"),
            Side::Sell,
            OrderKind::LimitMaker { quantity, price: Decimal::from(90_000) },
        ),
        below: order(
            &format!("{SESSION}-0-3"),
            Side::Sell,
            OrderKind::StopLoss { quantity, trigger: Trigger::Price(Decimal::from(40_000)) },
        ),
    };
    let placed = client.place_list(&ClientOrderId(format!("{SESSION}-0-L2")), &pair, false).await;
    assert!(matches!(placed, VenueEvent::Answer { outcome: CommandOutcome::Accepted, .. }), "{placed:?}");
    assert_eq!(open(&client).await.len(), 5);

    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("none")).unwrap();
    let venue = format!(
        "[venue]\nkind = \"binance-testnet\"\nsymbols = [\"BTCUSDT\"]\nrest_url = \"{}\"\nstream_url = \"{}\"\nws_api_url = \"{}\"\n",
        handle.rest_url, handle.stream_url, handle.ws_api_url
    );
    let file = dir.path().join("ringfence.toml");
    std::fs::write(&file, &venue).unwrap();
    let told = run(dir.path()).await;
    assert!(told.contains(&ours) && told.contains("my-bot-1") && told.contains("1 lists among them"), "{told}");
    assert_eq!(open(&client).await.len(), 5, "they stay unless told otherwise");

    std::fs::write(&file, format!("{venue}left_over = \"cancel\"\n")).unwrap();
    let told = run(dir.path()).await;
    assert_eq!(open(&client).await, ["my-bot-1", "somebody"], "{told}");
    assert!(client.open_lists().await.unwrap().is_empty());
    client.close().await;
    handle.stop().await;
}
