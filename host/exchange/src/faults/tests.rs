use proptest::prelude::*;

use super::*;

const fn at(ms: u64) -> Timestamp {
    Timestamp(1_000_000_000 + ms * 1_000)
}

fn with(rules: &[&str]) -> Faults {
    let script = Script::parse(&rules.join("\n")).unwrap();
    Faults::of_script(&script, at(0))
}

const PLACE: &str = "POST /api/v3/order";

#[test]
fn nothing_is_set_and_nothing_happens() {
    let mut faults = Faults::new(1);
    assert!(faults.is_idle());
    assert!(faults.request(at(0), PLACE).is_clean());
    assert_eq!(faults.message(at(5), "stream a@trade"), Delivery { copies: 1, at: at(5) });
    assert_eq!(faults.tick(at(10)), []);
    assert_eq!(faults.seen(at(3)), at(3));
}

#[test]
fn requests_are_lost_before_and_after_and_doubled() {
    for (rule, times, answer) in [
        (r#"{"kind":"drop-before"}"#, 0, Answer::Silence),
        (r#"{"kind":"drop-before","cut":true}"#, 0, Answer::Cut),
        (r#"{"kind":"drop-after"}"#, 1, Answer::Silence),
        (r#"{"kind":"drop-after","cut":true}"#, 1, Answer::Cut),
        (r#"{"kind":"duplicate"}"#, 2, Answer::Own),
        (r#"{"kind":"disconnect","on":"POST /api/v3/*"}"#, 0, Answer::Cut),
    ] {
        let verdict = with(&[rule]).request(at(0), PLACE);
        assert_eq!((verdict.times, verdict.answer), (times, answer), "{rule}");
    }
}

#[test]
fn errors_are_told_as_the_venue_does() {
    let mut faults = with(&[r#"{"kind":"error","status":504,"processed":true,"on":"ws order.place"}"#]);
    assert!(faults.request(at(0), PLACE).is_clean());
    let verdict = faults.request(at(0), "ws order.place");
    assert_eq!(verdict.times, 1);
    let Answer::Refused(refused) = verdict.answer else { panic!("an error") };
    let frame: Value = serde_json::from_str(&refused.frame(at(0), &json!("a"))).unwrap();
    assert_eq!((&frame["id"], &frame["status"], &frame["error"]["code"]), (&json!("a"), &json!(504), &json!(-1007)));
    assert_eq!(refused.http(at(0)).status, 504);
}

#[test]
fn limits_and_bans_tell_when_they_end() {
    let mut faults = with(&[r#"{"kind":"ban","for_ms":2500,"after_ms":1000}"#]);
    assert!(faults.request(at(999), PLACE).is_clean());
    let Answer::Refused(refused) = faults.request(at(1_000), PLACE).answer else { panic!("a ban") };
    let http = refused.http(at(1_000));
    assert_eq!((http.status, http.headers), (418, vec![("Retry-After", "3".to_owned())]));
    assert!(http.body.contains(&format!("banned until {}", at(3_500).as_millis())));
    let frame: Value = serde_json::from_str(&refused.frame(at(1_000), &Value::Null)).unwrap();
    assert_eq!(frame["error"]["data"]["retryAfter"], at(3_500).as_millis());
    assert_eq!(faults.tick(at(1_000)), [Action::Cut { on: "*".to_owned() }]);
    assert!(faults.request(at(3_500), PLACE).is_clean());
    assert_eq!(faults.tick(at(3_500)), []);
    assert!(faults.is_idle());
    let Answer::Refused(refused) = with(&[r#"{"kind":"rate-limit","for_ms":100}"#]).request(at(0), PLACE).answer else {
        panic!("a limit")
    };
    assert_eq!((refused.status, refused.code), (429, -1003));
}

#[test]
fn messages_are_left_out_doubled_and_late_but_in_order() {
    let mut faults = with(&[r#"{"kind":"gap","on":"stream btcusdt@depth*","count":2}"#]);
    let copies = |faults: &mut Faults, target: &str| faults.message(at(0), target).copies;
    assert_eq!(copies(&mut faults, "stream btcusdt@trade"), 1);
    assert_eq!(copies(&mut faults, "stream btcusdt@depth@100ms"), 0);
    assert_eq!(copies(&mut faults, "stream btcusdt@depth"), 0);
    assert_eq!(copies(&mut faults, "stream btcusdt@depth"), 1);
    assert!(faults.request(at(0), PLACE).is_clean());

    let mut faults = with(&[r#"{"kind":"silent","for_ms":50}"#, r#"{"kind":"duplicate","on":"user *"}"#]);
    assert_eq!(faults.message(at(49), "stream x").copies, 0);
    assert_eq!(faults.message(at(50), "stream x").copies, 1);
    assert_eq!(faults.message(at(50), "user executionReport").copies, 2);

    let mut faults = with(&[r#"{"kind":"delay","ms":100,"jitter_ms":500,"on":"stream *"}"#, r#"{"seed":5}"#]);
    let mut last = at(0);
    for ms in 0..200 {
        let delivery = faults.message(at(ms), "stream a@trade");
        assert!(delivery.at >= last && delivery.at >= at(ms + 100), "{ms}");
        last = delivery.at;
    }
}

#[test]
fn moments_come_once_or_again_and_again() {
    let mut faults = with(&[r#"{"kind":"disconnect","on":"stream *","after_ms":10,"every_ms":10,"count":3}"#]);
    let cut = || Action::Cut { on: "stream *".to_owned() };
    assert_eq!(faults.tick(at(9)), []);
    assert_eq!(faults.tick(at(20)), [cut(), cut()]);
    assert_eq!(faults.tick(at(1_000)), [cut()]);
    assert!(faults.is_idle());

    let mut faults = with(&[r#"{"kind":"shutdown","ms":500}"#, r#"{"kind":"day-cut","after_ms":200}"#]);
    let all = || Action::Cut { on: "*".to_owned() };
    assert_eq!(faults.tick(at(0)), [Action::SayShutdown]);
    assert_eq!(faults.tick(at(499)), [all()]);
    assert_eq!(faults.tick(at(500)), [all()]);
    assert!(faults.is_idle());
}

#[test]
fn a_halt_begins_and_ends_also_when_it_is_taken_back() {
    let halt = |halted| Action::Halt { on: "BTC*".to_owned(), halted };
    let mut faults = with(&[r#"{"kind":"halt","on":"BTC*","for_ms":100}"#]);
    assert_eq!(faults.tick(at(0)), [halt(true)]);
    assert_eq!(faults.tick(at(99)), []);
    assert_eq!(faults.tick(at(100)), [halt(false)]);
    let rule = Rule::new(Kind::Halt).on("BTC*");
    let id = faults.add(rule.clone(), at(200));
    assert_eq!(faults.tick(at(200)), [halt(true)]);
    assert_eq!(faults.list(at(200)), [(id, &rule)]);
    faults.clear();
    assert!(!faults.remove(id));
    assert_eq!(faults.tick(at(300)), [halt(false)]);
    assert!(faults.is_idle());
}

#[test]
fn the_clock_can_be_off_either_way() {
    let faults = with(&[r#"{"kind":"clock-skew","ms":-1500,"after_ms":10}"#]);
    assert_eq!(faults.seen(at(9)), at(9));
    assert_eq!(faults.seen(Timestamp(at(1_510).0)), at(10));
}

#[test]
fn chances_are_seeded_and_independent() {
    let script = [r#"{"seed":3}"#, r#"{"kind":"drop-before","chance":0.3}"#];
    let run = |mut faults: Faults| (0..1_000).map(|_| faults.request(at(0), PLACE).times).collect::<Vec<_>>();
    let once = run(with(&script));
    assert_eq!(once, run(with(&script)));
    let lost = once.iter().filter(|times| **times == 0).count();
    assert!((230..370).contains(&lost), "{lost}");
    // A certain rule draws nothing.
    assert_eq!(once, run(with(&[script[0], r#"{"kind":"delay","ms":1}"#, script[1]])));
}

#[test]
fn a_script_tells_all_its_mistakes_with_their_lines() {
    let text = "# comment\n{\"kind\":\"dance\"}\n\n{\"kind\":\"delay\"}\n{\"kind\":\"ban\",\"ms\":5,\"chance\":2}\n{\"kind\":\"halt\",\"speed\":1}\nnonsense\n{\"kind\":\"error\",\"status\":404}\n{\"kind\":\"gap\",\"every_ms\":5}\n{\"kind\":\"delay\",\"ms\":-1}\n";
    let RuleError(wrong) = Script::parse(text).unwrap_err();
    let lines: Vec<_> = wrong.iter().map(|what| what.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["line 2", "line 4", "line 5", "line 6", "line 7", "line 8", "line 9", "line 10"]);
    assert!(wrong[2].contains("`ms` has no meaning for ban") && wrong[2].contains("`chance`"), "{}", wrong[2]);
    assert!(wrong[1].contains("needs `ms`"));
}

#[test]
fn a_rule_is_written_as_it_is_read() {
    for text in [
        r#"{"kind":"delay","on":"stream *","chance":0.25,"count":3,"after_ms":5,"for_ms":7,"ms":1,"jitter_ms":2}"#,
        r#"{"kind":"shutdown","ms":500,"every_ms":60000}"#,
        r#"{"kind":"clock-skew","ms":-3}"#,
        r#"{"kind":"drop-after","cut":true}"#,
    ] {
        let rule = Rule::parse(text).unwrap();
        assert_eq!(Rule::parse(&rule.to_json()).unwrap(), rule);
    }
}

#[test]
fn patterns() {
    for (pattern, target, is) in [
        ("*", "", true),
        ("POST *", "POST /api/v3/order", true),
        ("POST *", "GET /api/v3/order", false),
        ("* /api/v3/order", "DELETE /api/v3/order", true),
        ("* /api/v3/order", "DELETE /api/v3/order/test", false),
        ("stream *@depth*", "stream btcusdt@depth@100ms", true),
        ("a*a", "a", false),
        ("ab*bc", "abc", false),
        ("order", "order", true),
    ] {
        assert_eq!(matches(pattern, target), is, "{pattern} {target}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_script_or_told_why_not(text in "\\PC{0,200}") {
        let _ = Script::parse(&text);
    }

    #[test]
    fn actions_never_come_early_or_twice(after in 0u64..50, every in 1u64..20, count in 1u64..5, steps in prop::collection::vec(0u64..30, 1..40)) {
        let mut rule = Rule::new(Kind::Disconnect).times(count).after(Micros(after * 1_000));
        rule.every = Some(Micros(every * 1_000));
        let mut faults = Faults::new(1);
        faults.add(rule, at(0));
        let (mut now, mut seen) = (0, 0);
        for step in steps {
            now += step;
            seen += u64::try_from(faults.tick(at(now)).len()).unwrap();
            let due = if now < after { 0 } else { ((now - after) / every + 1).min(count) };
            prop_assert_eq!(seen, due);
        }
    }
}
