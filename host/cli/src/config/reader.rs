//! Reads a TOML table by hand so that one pass finds every problem, with its line.
//! Knows TOML and types, nothing of what the keys mean.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use ringfence_model::Decimal;
use ringfence_model::strategy::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Collects problems of one text.
pub(super) struct Reader<'t> {
    text: &'t str,
    name: &'t str,
    problems: RefCell<Vec<(usize, String)>>,
}

/// A table of the text and its dotted path, empty for the root.
pub(super) struct Table<'t> {
    path: String,
    table: DeTable<'t>,
}

type Entry<'t> = Spanned<DeValue<'t>>;

impl<'t> Reader<'t> {
    /// Parses the syntax; what could be read comes back even when parts are broken.
    pub(super) fn new(text: &'t str, name: &'t str) -> (Self, Option<Table<'t>>) {
        let reader = Reader { text, name, problems: RefCell::default() };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            reader.problem(error.span().unwrap_or(0..0), error.message());
        }
        // After a syntax error the tables may be torn; judging them would invent problems.
        let root = errors.is_empty().then(|| Table { path: String::new(), table: table.into_inner() });
        (reader, root)
    }

    fn problem(&self, span: Range<usize>, what: &str) {
        let line = self.text.get(..span.start).map_or(1, |head| head.matches('\n').count().saturating_add(1));
        self.problems.borrow_mut().push((line, format!("{}:{line}: {what}", self.name)));
    }

    /// All problems, by line.
    pub(super) fn problems(self) -> Vec<String> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|(line, _)| *line);
        problems.into_iter().map(|(_, what)| what).collect()
    }
}

impl<'t> Table<'t> {
    fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Refuses keys that are not known here.
    pub(super) fn keys(&self, reader: &Reader<'t>, known: &[&str]) {
        for key in self.table.keys() {
            let word = key.get_ref().as_ref();
            if known.contains(&word) {
                continue;
            }
            let hint = known
                .iter()
                .map(|candidate| (distance(word, candidate), candidate))
                .filter(|(steps, _)| *steps <= 2)
                .min()
                .map_or_else(
                    || format!("known keys are {}", known.join(", ")),
                    |(_, near)| format!("did you mean `{near}`?"),
                );
            reader.problem(key.span(), &format!("unknown key `{}`; {hint}", self.name(word)));
        }
    }

    /// All keys.
    pub(super) fn names(&self) -> Vec<String> {
        self.table.keys().map(|key| key.get_ref().to_string()).collect()
    }

    /// A list of words, each one of `known`; it may be empty.
    pub(super) fn words(&self, reader: &Reader<'t>, key: &str, known: &[&str]) -> Option<Vec<String>> {
        let Some(list) = self.get(key)?.get_ref().as_array() else {
            self.mismatch(reader, key, "a list of words");
            return None;
        };
        let mut words = Vec::new();
        for item in list.iter() {
            match item.get_ref().as_str().filter(|word| known.contains(word)) {
                Some(word) => words.push(word.to_owned()),
                None => {
                    let found = item.get_ref().as_str().unwrap_or_else(|| item.get_ref().type_str());
                    let what = format!("`{}`: `{found}` must be one of {}", self.name(key), known.join(", "));
                    reader.problem(item.span(), &what);
                }
            }
        }
        Some(words)
    }

    fn get(&self, key: &str) -> Option<&Entry<'t>> {
        self.table.get(key)
    }

    /// Whether the key stands there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Tells that the value of `key` is wrong.
    pub(super) fn wrong(&self, reader: &Reader<'t>, key: &str, why: &str) {
        let span = self.get(key).map_or(0..0, Spanned::span);
        reader.problem(span, &format!("`{}` {why}", self.name(key)));
    }

    fn mismatch(&self, reader: &Reader<'t>, key: &str, want: &str) {
        let found = self.get(key).map_or_else(|| "nothing".to_owned(), |value| shown(value.get_ref()));
        self.wrong(reader, key, &format!("must be {want}, found {found}"));
    }

    pub(super) fn table(&self, reader: &Reader<'t>, key: &str) -> Option<Table<'t>> {
        let value = self.get(key)?;
        if let Some(table) = value.get_ref().as_table() {
            return Some(Table { path: self.name(key), table: table.clone() });
        }
        self.mismatch(reader, key, "a table");
        None
    }

    /// Every entry as a table.
    pub(super) fn tables(&self, reader: &Reader<'t>) -> Vec<(String, Table<'t>)> {
        let keys: Vec<String> = self.table.keys().map(|key| key.get_ref().to_string()).collect();
        keys.into_iter().filter_map(|key| self.table(reader, &key).map(|table| (key, table))).collect()
    }

    pub(super) fn text(&self, reader: &Reader<'t>, key: &str) -> Option<String> {
        match self.get(key)?.get_ref().as_str() {
            Some(text) if !text.is_empty() => Some(text.to_owned()),
            _ => {
                self.mismatch(reader, key, "a text that is not empty");
                None
            }
        }
    }

    pub(super) fn boolean(&self, reader: &Reader<'t>, key: &str) -> Option<bool> {
        let value = self.get(key)?.get_ref().as_bool();
        if value.is_none() {
            self.mismatch(reader, key, "true or false");
        }
        value
    }

    pub(super) fn choice(&self, reader: &Reader<'t>, key: &str, choices: &[&str]) -> Option<String> {
        let text = self.get(key)?.get_ref().as_str();
        if let Some(text) = text.filter(|text| choices.contains(text)) {
            return Some(text.to_owned());
        }
        self.wrong(reader, key, &format!("must be one of {}", choices.join(", ")));
        None
    }

    pub(super) fn whole(&self, reader: &Reader<'t>, key: &str, most: u64) -> Option<u64> {
        let value = self.get(key)?.get_ref().as_integer().and_then(|number| {
            u64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok().filter(|value| *value <= most)
        });
        if value.is_none() {
            self.mismatch(reader, key, &format!("a whole number from 0 to {most}"));
        }
        value
    }

    /// An exact amount: text, or a number whose digits are taken as they stand.
    pub(super) fn amount(&self, reader: &Reader<'t>, key: &str) -> Option<Decimal> {
        let value = exact(self.get(key)?.get_ref()).filter(|value| *value >= Decimal::ZERO);
        if value.is_none() {
            self.mismatch(reader, key, "an amount of zero or more, such as \"0.5\"");
        }
        value
    }

    pub(super) fn amounts(&self, reader: &Reader<'t>, key: &str) -> Option<Vec<(String, Decimal)>> {
        let table = self.table(reader, key)?;
        let mut list = Vec::new();
        for asset in table.table.keys() {
            let asset = asset.get_ref().as_ref();
            if let Some(amount) = table.amount(reader, asset) {
                list.push((asset.to_uppercase(), amount));
            }
        }
        Some(list)
    }

    /// A list of symbols, made upper case; `among` are those that may stand here.
    pub(super) fn symbols(&self, reader: &Reader<'t>, key: &str, among: Option<&[String]>) -> Option<Vec<String>> {
        let Some(list) = self.get(key)?.get_ref().as_array() else {
            self.mismatch(reader, key, "a list of symbols");
            return None;
        };
        let mut symbols: Vec<String> = Vec::new();
        for item in list.iter() {
            let Some(symbol) = item.get_ref().as_str().map(str::to_uppercase) else {
                reader.problem(item.span(), &format!("`{}` must hold texts only", self.name(key)));
                continue;
            };
            if symbol.is_empty() || !symbol.bytes().all(|b| b.is_ascii_alphanumeric()) {
                reader.problem(
                    item.span(),
                    &format!("`{}`: `{symbol}` is no symbol; write it like BTCUSDT", self.name(key)),
                );
            } else if let Some(among) = among.filter(|among| !among.contains(&symbol)) {
                let what = format!(
                    "`{}`: symbol {symbol} is not in [venue] symbols ({}); add it there first",
                    self.name(key),
                    among.join(", ")
                );
                reader.problem(item.span(), &what);
            } else if !symbols.contains(&symbol) {
                symbols.push(symbol);
            }
        }
        if list.is_empty() {
            self.wrong(reader, key, "must name at least one symbol");
        }
        Some(symbols)
    }

    /// Free values by name, for the parameters of a plugin.
    pub(super) fn values(&self, reader: &Reader<'t>, key: &str) -> Option<BTreeMap<String, Value>> {
        let table = self.table(reader, key)?;
        let mut values = BTreeMap::new();
        for (name, value) in &table.table {
            let name = name.get_ref().to_string();
            let read = match value.get_ref() {
                DeValue::Boolean(flag) => Some(Value::Boolean(*flag)),
                DeValue::String(text) => Some(Value::Text(text.to_string())),
                DeValue::Integer(number) => {
                    i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok().map(Value::Integer)
                }
                other => exact(other).map(Value::Number),
            };
            match read {
                Some(read) => drop(values.insert(name, read)),
                None => table.mismatch(reader, &name, "a number, a text, true or false"),
            }
        }
        Some(values)
    }
}

/// A value as it stands in the file if it is short, else what it is.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::String(text) if text.len() <= 40 => format!("{text:?}"),
        other => format!("a value of the type {}", other.type_str()),
    }
}

/// The digits as they stand in the file; no binary float in between.
fn exact(value: &DeValue<'_>) -> Option<Decimal> {
    let text = match value {
        DeValue::String(text) => text.as_ref(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        _ => return None,
    };
    Decimal::from_str_exact(&text.replace('_', "")).ok()
}

/// Edit distance, to guess what a wrong key was meant to be.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i.saturating_add(1);
        }
        for (j, y) in b.iter().enumerate() {
            let substitution = diagonal.saturating_add(usize::from(x != *y));
            diagonal = row[j.saturating_add(1)];
            row[j.saturating_add(1)] = substitution.min(diagonal.saturating_add(1)).min(row[j].saturating_add(1));
        }
    }
    row.last().copied().unwrap_or(0)
}
