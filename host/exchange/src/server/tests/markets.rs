//! Markets that come from elsewhere: files of the archive, and another venue.

use super::*;

fn one_symbol(start: ringfence_model::Timestamp) -> ExchangeConfig {
    ExchangeConfig { symbols: SymbolConfig::known("BTCUSDT").into_iter().collect(), start, ..config(1) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_the_archive_is_a_market() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("BTCUSDT-trades-2024-06-01.csv");
    let mut rows = String::from("id,price,qty,quote_qty,time,is_buyer_maker,is_best_match\n");
    for number in 0u64..300 {
        // The price falls by a cent with each trade; all of them sell.
        let cents = 6_000_000 - number;
        let at = 1_717_200_000_000 + number * 100;
        rows.push_str(&format!("{number},{}.{:02},0.5,0,{at},true,true\n", cents / 100, cents % 100));
    }
    rows.push_str("broken\n");
    std::fs::write(&path, rows).unwrap();
    let market = Market::Replay { path: path.clone(), speed: 1e6 };
    let handle = serve(market, one_symbol(first_time(&path).unwrap())).await;
    let mut user = user_stream(&handle).await;
    let rest = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=59998.00&quantity=0.7";
    assert_eq!(signed(&handle, "POST", ORDER, rest).await["status"], "NEW");
    let url = format!("{}/stream?streams=btcusdt@trade/btcusdt@kline_1s/btcusdt@depth5@100ms", handle.stream_url);
    let mut socket = connect(&url).await;
    let mut trades = 0;
    let mut others = BTreeSet::new();
    while trades < 300 {
        let message = next(&mut socket).await;
        if message["stream"] == "btcusdt@trade" {
            assert_eq!(message["data"]["t"], trades, "none is left out");
            trades += 1;
        } else {
            others.insert(message["stream"].to_string());
        }
    }
    assert_eq!(others.len(), 2, "what the file lacks is built from it: {others:?}");
    let fill = report(&mut user, "TRADE").await;
    assert_eq!((&fill["L"], &fill["m"]), (&json!("59998.00000000"), &json!(true)));
    finish(&handle).await;
    assert!(handle.broken_lines()[0].contains("row 302"), "{:?}", handle.broken_lines());
    assert_eq!(get(&handle, "/api/v3/ticker/price?symbol=BTCUSDT").await["price"], "59997.01000000");
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_is_stepped_by_hand() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/recordings/spot_btcusdt_cut.gz");
    let start = first_time(&path).unwrap();
    let mut settings = Settings::at((Ipv4Addr::LOCALHOST, 0).into());
    settings.pace = Pace::Stepped;
    let market = Market::Replay { path, speed: 1.0 };
    let handle = super::super::serve(Exchange::new(one_symbol(start)).unwrap(), market, settings).await.unwrap();
    let (status, body) = shell::post(&handle, "/ringfence/v1/time", r#"{"step_ms":5000}"#).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(now(&handle).await, start.as_millis() + 5_000);
    let price = get(&handle, "/api/v3/ticker/price?symbol=BTCUSDT").await;
    shell::post(&handle, "/ringfence/v1/time", r#"{"step_ms":1000}"#).await;
    assert_eq!(now(&handle).await, start.as_millis() + 6_000);
    assert!(price["price"].as_str().unwrap().starts_with("618"), "{price}");
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_filled_here_against_the_market_of_another_venue() {
    let venue = serve(Market::Generator, config(1)).await;
    let paper = serve(Market::Paper { url: venue.stream_url.clone() }, config(2)).await;
    let mut user = user_stream(&paper).await;
    let url = format!("{}/stream?streams=btcusdt@trade/btcusdt@bookTicker/btcusdt@kline_1s", paper.stream_url);
    let mut socket = connect(&url).await;
    for stream in ["btcusdt@trade", "btcusdt@bookTicker", "btcusdt@kline_1s"] {
        until(&mut socket, |message| message["stream"] == stream).await;
    }
    let bid = |book: Value| book["bids"][0][0].as_str().unwrap().parse::<rust_decimal::Decimal>().unwrap();
    let there = bid(get(&venue, "/api/v3/depth?symbol=BTCUSDT&limit=5").await);
    let here = bid(get(&paper, "/api/v3/depth?symbol=BTCUSDT&limit=5").await);
    assert!((there - here).abs() < rust_decimal::Decimal::from(100), "{there} {here}");
    let bought = signed(&paper, "POST", ORDER, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.001").await;
    assert_eq!(bought["status"], "FILLED", "{bought}");
    report(&mut user, "TRADE").await;
    let elsewhere = signed(&venue, "GET", "/api/v3/myTrades", "symbol=BTCUSDT").await;
    assert_eq!(elsewhere, json!([]), "nothing is sent there");
    paper.stop().await;
    venue.stop().await;
    let nobody = Market::Paper { url: "ws://127.0.0.1:1".to_owned() };
    let failed = start(Exchange::new(config(1)).unwrap(), nobody, (Ipv4Addr::LOCALHOST, 0).into()).await;
    assert!(matches!(failed, Err(ExchangeError::Paper { .. })));
}
