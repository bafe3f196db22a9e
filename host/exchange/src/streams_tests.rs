use proptest::prelude::*;

use super::*;

fn limits() -> LimitConfig {
    LimitConfig { streams_per_connection: 3, ..LimitConfig::default() }
}

fn say(session: &mut StreamSession, text: &str) -> String {
    session.message(text, &limits()).text
}

#[test]
fn streams_are_subscribed_to_listed_and_left() {
    let mut session = StreamSession::default();
    let reply =
        session.message(r#"{"method":"SUBSCRIBE","params":["btcusdt@aggTrade","btcusdt@depth"],"id":1}"#, &limits());
    assert_eq!(reply.text, r#"{"result":null,"id":1}"#);
    assert_eq!(reply.subscribed, ["btcusdt@aggTrade", "btcusdt@depth"]);
    let again = session.message(r#"{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":"x"}"#, &limits());
    assert_eq!((again.text.as_str(), again.subscribed.len()), (r#"{"result":null,"id":"x"}"#, 0));
    let left = session.message(r#"{"method":"UNSUBSCRIBE","params":["btcusdt@depth","no"],"id":null}"#, &limits());
    assert_eq!(
        (left.text.as_str(), left.unsubscribed),
        (r#"{"result":null,"id":null}"#, vec!["btcusdt@depth".to_owned()])
    );
    let listed = say(&mut session, r#"{"method":"LIST_SUBSCRIPTIONS","id":-3}"#);
    assert_eq!(listed, r#"{"result":["btcusdt@aggTrade"],"id":-3}"#);
    let many = session.message(r#"{"method":"SUBSCRIBE","params":["a","b","c"],"id":1}"#, &limits());
    assert!(many.text.contains("too many streams") && many.subscribed.is_empty());
}

#[test]
fn properties_are_read_and_set() {
    let mut session = StreamSession::open(IpAddr::V4(Ipv4Addr::LOCALHOST), "streams=a", true).unwrap();
    assert_eq!(
        say(&mut session, r#"{"method":"GET_PROPERTY","params":["combined"],"id":2}"#),
        r#"{"result":true,"id":2}"#
    );
    let set = say(&mut session, r#"{"method":"SET_PROPERTY","params":["combined",false],"id":5}"#);
    assert_eq!((set.as_str(), session.is_combined()), (r#"{"result":null,"id":5}"#, false));
}

/// The venue's table of error messages.
#[test]
fn what_is_wrong_is_said_in_the_venues_words() {
    for (text, code, msg) in [
        (r#"{"method":"SET_PROPERTY","params":["colour",true],"id":7}"#, 0, "Unknown property"),
        (r#"{"method":"GET_PROPERTY","params":["colour"],"id":7}"#, 0, "Unknown property"),
        (r#"{"method":"SET_PROPERTY","params":["combined",1],"id":7}"#, 1, "Invalid value type: expected Boolean"),
        (r#"{"method":"GET_PROPERTY","params":[1],"id":7}"#, 2, "Invalid request: property name must be a string"),
        (r#"{"method":"GET_PROPERTY","id":7}"#, 2, "Invalid request: property name must be a string"),
        (r#"{"method":"GET_PROPERTY","params":["combined",1],"id":7}"#, 2, "Invalid request: too many parameters"),
        (r#"{"method":"LIST_SUBSCRIPTIONS","params":[1],"id":7}"#, 2, "Invalid request: too many parameters"),
        (r#"{"method":"SUBSCRIBE","params":["a"]}"#, 2, "Invalid request: request ID must be an unsigned integer"),
        (
            r#"{"method":"SUBSCRIBE","params":["a"],"id":1.5}"#,
            2,
            "Invalid request: request ID must be an unsigned integer",
        ),
        (
            r#"{"method":"SUBSCRIBE","params":["a"],"id":[]}"#,
            2,
            "Invalid request: request ID must be an unsigned integer",
        ),
        (
            r#"{"method":"DANCE","id":7}"#,
            2,
            "Invalid request: unknown variant `DANCE`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY` at line 1 column 17",
        ),
        (r#"{"params":["a"],"id":7}"#, 2, "Invalid request: missing field `method` at line 1 column 23"),
        ("btc", 3, "Invalid JSON: expected value at line 1 column 1"),
    ] {
        let mut session = StreamSession::default();
        let told: Value = serde_json::from_str(&say(&mut session, text)).unwrap();
        assert_eq!((told["code"].as_i64(), told["msg"].as_str()), (Some(code), Some(msg)), "{text}");
        assert_eq!(told.get("id").is_some(), code == 0, "{text}");
        assert_eq!(session.names().count(), 0);
    }
}

#[test]
fn goodbyes() {
    let now = Timestamp::from_millis(1_770_123_456_789);
    assert_eq!(server_shutdown(now, false), r#"{"e":"serverShutdown","E":1770123456789}"#);
    assert_eq!(
        server_shutdown(now, true),
        r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}"#
    );
}

#[test]
fn the_unit_is_asked_for_in_the_address() {
    let open = |query| StreamSession::open(IpAddr::V4(Ipv4Addr::LOCALHOST), query, false);
    assert_eq!(open("streams=a&timeUnit=MICROSECOND").unwrap().unit(), TimeUnit::Microseconds);
    assert_eq!(open("").unwrap().unit(), TimeUnit::Milliseconds);
    assert!(open("timeUnit=second").unwrap_err().contains("-1194"));
}

proptest! {
    #[test]
    fn any_text_is_answered_with_json(text in ".{0,300}") {
        let mut session = StreamSession::default();
        let told = say(&mut session, &text);
        prop_assert!(serde_json::from_str::<Value>(&told).is_ok(), "{}", told);
    }

    #[test]
    fn any_request_is_answered_with_its_id_or_an_error(
        method in prop_oneof!["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY", "[A-Z_]{0,9}"],
        params in prop::collection::vec(prop_oneof!["\"[ -~&&[^\"\\\\]]{0,9}\"", "true", "null", "[0-9]{1,4}", "\\[\\]"], 0..6),
        id in prop_oneof!["null", "[0-9]{1,25}", "-[0-9]{1,3}", "\"[a-z]{0,40}\"", "\\{\\}", "1e5"],
    ) {
        let mut session = StreamSession::default();
        let text = format!(r#"{{"method":"{method}","params":[{}],"id":{id}}}"#, params.join(","));
        let told: Value = serde_json::from_str(&say(&mut session, &text)).unwrap();
        prop_assert!(told.get("code").is_some() != told.get("result").is_some(), "{} {}", text, told);
        prop_assert!(session.names().count() <= 3);
    }
}
