//! The venue may change its rules while the host runs. They are read again now and then, and when the venue refuses an order
//! by a filter though the gate let it through. Limits are taken over at once; what orders must obey is told, because the
//! plugins have been told the old rules.

use std::sync::Arc;
use std::time::Duration;

use ringfence_model::Instrument;
use ringfence_wire::rest::{ExchangeInfo, read};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{ClientError, Shared, closed, lock};
use crate::limits::Requester;
use crate::request;

/// How often the rules are read again.
const EVERY: Duration = Duration::from_secs(600);
/// Not sooner after the last time, however many orders are refused.
const AT_MOST_EVERY: Duration = Duration::from_secs(60);

/// What is other than before, in words.
fn changes(old: &Instrument, new: &Instrument) -> Vec<String> {
    let mut all = Vec::new();
    let mut field = |name: &str, old: String, new: String| {
        if old != new {
            all.push(format!("{name} {old} -> {new}"));
        }
    };
    field("tick size", old.tick_size.to_string(), new.tick_size.to_string());
    field("prices from", old.min_price.to_string(), new.min_price.to_string());
    field("prices to", old.max_price.to_string(), new.max_price.to_string());
    field("step size", old.step_size.to_string(), new.step_size.to_string());
    field("quantities from", old.min_quantity.to_string(), new.min_quantity.to_string());
    field("quantities to", old.max_quantity.to_string(), new.max_quantity.to_string());
    field("market orders to", old.market_max_quantity.to_string(), new.market_max_quantity.to_string());
    field("values from", old.min_notional.to_string(), new.min_notional.to_string());
    field("values to", old.max_notional.to_string(), new.max_notional.to_string());
    field("values of market orders", old.min_notional_on_market.to_string(), new.min_notional_on_market.to_string());
    field("open orders", old.max_open_orders.to_string(), new.max_open_orders.to_string());
    field("filters", format!("{:?}", old.filters), format!("{:?}", new.filters));
    all
}

impl Shared {
    async fn rules(&self) -> Result<Vec<Instrument>, ClientError> {
        let symbols: Vec<_> = self.instruments.iter().map(|instrument| instrument.symbol.clone()).collect();
        let request = request::exchange_info(&symbols);
        let info: ExchangeInfo = read(&self.read(Requester::Host, "exchange information", &request, false).await?)?;
        let instruments = info.instruments(&symbols)?;
        let now = self.now();
        lock(&self.limits).learn(now, &info.rate_limits);
        Ok(instruments)
    }

    fn compare(&self, known: &[Instrument], now: &[Instrument]) {
        for (old, new) in known.iter().zip(now) {
            let symbol = &new.symbol;
            match (old.trading, new.trading) {
                (true, false) => self.alarm(format!("the venue takes no orders of {symbol} any more")),
                (false, true) => self.notice(format!("the venue takes orders of {symbol} again")),
                _ => {}
            }
            let changed = changes(old, new);
            if !changed.is_empty() {
                let changed = changed.join(", ");
                self.alarm(format!(
                    "the venue has changed its rules of {symbol}: {changed}; orders are tested by the old ones until a restart"
                ));
            }
        }
    }
}

/// Runs until the client is closed.
pub(super) async fn run(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut known = shared.instruments.clone();
    let (mut next, mut soonest) = (Instant::now() + EVERY, Instant::now());
    loop {
        tokio::select! {
            biased;
            () = closed(&mut stopped) => return,
            () = shared.filter_refused.notified() => next = soonest,
            () = sleep_until(next) => {
                let rules = tokio::select! {
                    biased;
                    () = closed(&mut stopped) => return,
                    rules = shared.rules() => rules,
                };
                match rules {
                    Ok(rules) => {
                        shared.compare(&known, &rules);
                        known = rules;
                    }
                    Err(error) => shared.notice(format!("the venue's rules can't be read again: {error}")),
                }
                (next, soonest) = (Instant::now() + EVERY, Instant::now() + AT_MOST_EVERY);
            }
        }
    }
}
