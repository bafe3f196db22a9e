use proptest::prelude::*;

use super::*;

fn one(name: &str, value: &str) -> Params {
    Params(vec![(name.to_owned(), value.to_owned())])
}

#[test]
fn time_zones_are_hours_and_minutes_within_bounds() {
    for (text, seconds) in
        [("0", 0), ("8", 28_800), ("-1:00", -3_600), ("05:45", 20_700), ("+14:00", 50_400), ("-12:00", -43_200)]
    {
        assert_eq!(one("timeZone", text).zone("timeZone").unwrap(), seconds, "{text}");
    }
    for text in ["14:01", "-12:01", "24", "1:5", "1:60", "", "x", "+", "-", "é", "1:", ":30", "008"] {
        let found = one("timeZone", text).zone("timeZone");
        assert!(text.is_empty() && found == Ok(0) || found.is_err(), "{text}");
    }
}

#[test]
fn symbols_are_upper_case_in_any_script() {
    for name in ["BTCUSDT", "１２３４５６", "币安人生USDT", "A-B_C.D"] {
        assert_eq!(one("symbol", name).symbol(), Ok(name));
    }
    for name in ["btcusdt", "BTC USDT", "BTC/USDT", "A'B", &"A".repeat(51)] {
        assert_eq!(one("symbol", name).symbol().unwrap_err().code, -1100, "{name}");
    }
    assert_eq!(one("symbol", "").symbol().unwrap_err().code, -1102);
}

#[test]
fn lists_and_words() {
    let words = |text: &str| one("permissions", text).words("permissions");
    assert_eq!(words("SPOT"), Ok(Some(vec!["SPOT".to_owned()])));
    assert_eq!(words(r#"["MARGIN", "LEVERAGED"]"#), Ok(Some(vec!["MARGIN".to_owned(), "LEVERAGED".to_owned()])));
    for text in ["[", "[1]", r#"["a"]"#, "spot", r#"[["A"]]"#, "{}"] {
        assert_eq!(words(text).unwrap_err().code, -1100, "{text}");
    }
}

#[test]
fn numbers_are_plain() {
    let decimal = |text: &str| one("q", text).decimal("q");
    assert_eq!(decimal("6000.346").unwrap(), Some(Decimal::new(6_000_346, 3)));
    assert_eq!(decimal("").unwrap(), None);
    for text in ["1e-05", "-1", "+1", "1.", ".5", "0x1", "1,5", "NaN", "٣", &"9".repeat(21)] {
        assert_eq!(decimal(text).unwrap_err().code, -1100, "{text}");
    }
    let huge = format!("{}.{}", "9".repeat(20), "9".repeat(20));
    assert_eq!(decimal(&huge).unwrap_err().code, -1108);
    assert_eq!(one("n", &"9".repeat(21)).integer("n").unwrap_err().code, -1108);
    assert_eq!(one("n", "-1").integer("n").unwrap_err().code, -1100);
}

proptest! {
    /// Whatever comes, reading it ends with a value or one of the venue's refusals.
    #[test]
    fn any_query_and_body_are_read_or_refused(query in ".{0,200}", body in ".{0,200}") {
        match Params::of_http(&query, &body) {
            Ok(params) => {
                prop_assert!(params.0.len() <= MOST);
                for (name, _) in params.0.clone() {
                    let _ = (params.decimal(&name), params.integer(&name), params.time(&name), params.flag(&name));
                    let _ = (params.list(&name), params.words(&name), params.zone(&name), params.client_id(&name));
                    let _ = params.limit(500, 1_000);
                }
            }
            Err(refusal) => prop_assert!([-1100, -1101].contains(&refusal.code)),
        }
    }

    #[test]
    fn what_is_percent_encoded_is_read_back(value in any::<String>()) {
        let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let params = Params::of_http(&format!("v={encoded}"), "").unwrap();
        prop_assert_eq!(&params.0, &[("v".to_owned(), value)]);
    }

    #[test]
    fn the_query_wins_and_nothing_is_lost(
        query in prop::collection::btree_map("[a-d]", "[0-9]{1,3}", 0..4),
        body in prop::collection::btree_map("[a-d]", "[0-9]{1,3}", 0..4),
    ) {
        let write = |map: &std::collections::BTreeMap<String, String>| {
            map.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
        };
        let params = Params::of_http(&write(&query), &write(&body)).unwrap();
        for name in ["a", "b", "c", "d"] {
            let wanted = query.get(name).or_else(|| body.get(name)).map(String::as_str);
            prop_assert_eq!(params.get(name), wanted);
        }
    }
}
