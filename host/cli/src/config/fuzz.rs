//! Configurations that nobody wrote: any text is one, or every mistake of it is told with its line,
//! and nothing panics.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::Config;

const GOOD: &str = include_str!("sample.toml");

#[test]
fn the_sample_is_sound() {
    Config::parse(GOOD, "r.toml").unwrap();
}

/// Every problem has the line where it is, they come in order, and the same text has the same ones.
fn judged(text: &str) {
    let Err(problems) = Config::parse(text, "r.toml") else { return };
    assert!(!problems.is_empty());
    let (mut last, count) = (1, text.matches('\n').count() + 1);
    for problem in &problems {
        let found = problem.strip_prefix("r.toml:").and_then(|rest| rest.split_once(": "));
        let Some((line, what)) = found else { panic!("no line: {problem:?}") };
        let line: usize = line.parse().expect("a number");
        assert!((last..=count).contains(&line) && what.len() > 5, "{problem:?} in {count} lines");
        last = line;
    }
    assert_eq!(Config::parse(text, "r.toml").unwrap_err(), problems);
}

/// A text of pieces of configurations, then some bytes of it turned over.
fn mangled() -> impl Strategy<Value = String> {
    const SAMPLE: &str = include_str!("sample.toml");
    const PIECES: &[&str] = &[
        "[venue]",
        "[sim]",
        "[defaults]",
        "[plugins.a]",
        "[plugins.a.limits]",
        "[plugins.a.budgets]",
        "[signing]",
        "[plugins.\"\\u0000\"]",
        "[[plugins]]",
        "[plugins.a.parameters]",
        "kind = \"sim\"",
        "kind = 3",
        "symbols = []",
        "symbols = [\"BTCUSDT\", 1]",
        "seed = -1",
        "seed = 0x_",
        "seed = 99999999999999999999999",
        "balances = { USDT = nan }",
        "balances = { USDT = \"1e9999\" }",
        "allocation = { BTC = -0 }",
        "allocation = { \"\" = 1 }",
        "order_types = [\"market\"]",
        "sha256 = \"00\"",
        "key = \"alice\"",
        "memory_bytes = 1",
        "share_percent = 1_000_000",
        "on_fault = \"keep\"",
        "enabled = 1",
        "shadow_events = -3",
        "price_collar = 0.1",
        "daily_loss = inf",
        "a.b.c = 1",
        "a = { b = { c = [ { d = 1 } ] } }",
        "\u{202e} = 1",
        "= 1",
        "x",
        "\"",
        "'''",
        "keys = { a = \"RWQ\" }",
        "fast = 1979-05-27",
        "fast = 1.5e300",
        "fast = [1]",
        "#",
    ];
    let piece = (0..PIECES.len()).prop_map(|index| PIECES[index].to_owned());
    let line = (0..SAMPLE.lines().count()).prop_map(|index| SAMPLE.lines().nth(index).unwrap_or_default().to_owned());
    let lines = prop::collection::vec(prop_oneof![piece, line], 0..30);
    let turned = prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 0..4);
    (lines, turned).prop_map(|(lines, turned)| {
        let mut text: Vec<char> = lines.join("\n").chars().collect();
        for (at, with) in turned {
            if !text.is_empty() {
                let at = at.index(text.len());
                text[at] = with;
            }
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        judged(&text);
    }

    #[test]
    fn a_sound_file_with_mistakes(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..6, "[a-z0-9\\[\\]{}=\"., \n_-]{0,4}"), 1..5),
    ) {
        let mut text = GOOD.to_owned();
        for (at, length, with) in cuts {
            let start = at.index(text.len());
            let end = (start + length).min(text.len());
            text.replace_range(start..end, &with);
        }
        judged(&text);
    }

    #[test]
    fn lines_in_another_order(keep in prop::collection::vec(any::<prop::sample::Index>(), 0..60)) {
        let lines: Vec<&str> = GOOD.lines().collect();
        let text: Vec<&str> = keep.iter().map(|index| lines[index.index(lines.len())]).collect();
        judged(&text.join("\n"));
    }

    #[test]
    fn pieces_in_any_order(text in mangled()) {
        judged(&text);
    }

    /// Two sound halves, and each half's own mistakes are told beside the other's.
    #[test]
    fn no_mistake_hides_another(good in 0usize..4, bad in prop::collection::vec(0usize..5, 1..5)) {
        const MISTAKES: [&str; 5] = ["seeed = 1", "enabled = 3", "symbols = 1", "order_types = [\"all\"]", "limits = 7"];
        let mut text = "# sound\n".repeat(good);
        for (number, mistake) in bad.iter().enumerate() {
            text.push_str(&format!("[plugins.p{number}]\n{}\n", MISTAKES[*mistake]));
        }
        let problems = Config::parse(&text, "c.toml").unwrap_err();
        prop_assert_eq!(problems.len(), bad.len(), "{:?}", problems);
        for (number, problem) in problems.iter().enumerate() {
            let line = good + 2 * number + 2;
            prop_assert!(problem.starts_with(&format!("c.toml:{line}: ")), "{}", problem);
        }
    }
}
