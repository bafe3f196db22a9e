//! Orders and lists. Whatever may have reached the venue without an answer is in doubt: it is
//! told as unknown and never sent again. What surely was not sent is refused.

use ringfence_model::event::OrderReason;
use ringfence_model::venue::{
    ClientOrderId, CommandKind, CommandOutcome, ExecutionReport, VenueEvent, VenueList, VenueOrder,
};
use ringfence_model::{Decimal, Instrument};
use ringfence_wire::rest::account::RelevantFilters;
use ringfence_wire::rest::orders::OrderListReport;
use ringfence_wire::rest::read;

use super::rest::SendError;
use super::{Client, ClientError};
use crate::answer::{self, HalfOutcome, ReplaceOutcome};
use crate::limits::Priority;
use crate::request::orders::{ReplaceMode, among_plugins};
use crate::request::{self, Request, account, orders};

/// What follows for a command from an answer that did not come; `None` if it is in doubt.
fn not_sent(error: &SendError) -> Option<OrderReason> {
    match error {
        SendError::Limited { .. } => Some(OrderReason::RateLimit),
        SendError::NotSent(_) | SendError::NoCredentials | SendError::Unwell { .. } => Some(OrderReason::Other),
        SendError::Lost(_) => None,
    }
}

impl Client {
    async fn outcome(&self, what: &str, id: &ClientOrderId, request: &Request) -> CommandOutcome {
        match self.shared.submit(self.by, request).await {
            Ok((status, body)) => answer::outcome(status, &body),
            Err(error) => not_sent(&error).map_or_else(
                || {
                    self.in_doubt(what, id, &error);
                    CommandOutcome::Unknown
                },
                CommandOutcome::Rejected,
            ),
        }
    }

    fn in_doubt(&self, what: &str, id: &ClientOrderId, error: &SendError) {
        self.shared.notice(format!("{what} {}: {error}; asking the venue", id.0));
    }

    async fn command(&self, kind: CommandKind, id: &ClientOrderId, request: &Request) -> VenueEvent {
        let outcome = self.outcome(&format!("{kind:?}"), id, request).await;
        VenueEvent::Answer { client_order_id: id.clone(), kind, outcome }
    }

    /// Places an order, once. One that only reduces goes before others when limits are near.
    pub async fn place(&self, order: &VenueOrder, reduces: bool) -> VenueEvent {
        let request = first_if(reduces, request::place(order));
        self.command(CommandKind::Place, &order.client_order_id, &request).await
    }

    /// Places an order through smart order routing, once; `LIMIT` or `MARKET` by base quantity.
    pub async fn place_sor(&self, order: &VenueOrder) -> VenueEvent {
        let request = orders::place_sor(order, &among_plugins());
        self.command(CommandKind::Place, &order.client_order_id, &request).await
    }

    /// Lets the venue check an order that is never placed. Unknown means that there was no
    /// answer; asking again is no harm.
    pub async fn test(&self, order: &VenueOrder) -> CommandOutcome {
        self.outcome("Test", &order.client_order_id, &orders::test(order, &among_plugins(), false)).await
    }

    /// [`Client::test`] for smart order routing.
    pub async fn test_sor(&self, order: &VenueOrder) -> CommandOutcome {
        self.outcome("Test", &order.client_order_id, &orders::test_sor(order, &among_plugins(), false)).await
    }

    /// Places a list of orders, once: all of them or none. The answer names the list.
    pub async fn place_list(&self, id: &ClientOrderId, list: &VenueList, reduces: bool) -> VenueEvent {
        let request = first_if(reduces, request::lists::place(id, list, &among_plugins()));
        self.command(CommandKind::Place, id, &request).await
    }

    /// Places a list in which what waits gets what the working order receives (OPO, OPOCO), once;
    /// the quantities of what waits are not sent. `None` for an OCO, in which nothing waits.
    pub async fn place_paying_list(&self, id: &ClientOrderId, list: &VenueList) -> Option<VenueEvent> {
        let request = request::lists::place_paying(id, list, &among_plugins())?;
        Some(self.command(CommandKind::Place, id, &request).await)
    }

    /// Cancels an order, and with it the list that it belongs to.
    pub async fn cancel(&self, symbol: &str, id: &ClientOrderId) -> VenueEvent {
        self.command(CommandKind::Cancel, id, &request::cancel(symbol, id)).await
    }

    /// Cancels all orders of a list.
    pub async fn cancel_list(&self, symbol: &str, id: &ClientOrderId) -> VenueEvent {
        self.command(CommandKind::Cancel, id, &request::lists::cancel(symbol, id)).await
    }

    /// Cancels one order and places another, once. Either may be done without the other.
    pub async fn replace(&self, id: &ClientOrderId, order: &VenueOrder, mode: ReplaceMode) -> ReplaceOutcome {
        let request = orders::cancel_replace(id, order, mode, &among_plugins());
        match self.shared.submit(self.by, &request).await {
            Ok((status, body)) => answer::replaced(status, &body),
            Err(error) => match not_sent(&error) {
                Some(reason) => ReplaceOutcome::both(HalfOutcome::Refused(reason)),
                None => {
                    self.in_doubt("Replace", id, &error);
                    ReplaceOutcome::both(HalfOutcome::Unknown)
                }
            },
        }
    }

    /// Makes an order smaller.
    pub async fn amend(&self, symbol: &str, id: &ClientOrderId, quantity: Decimal) -> VenueEvent {
        self.command(CommandKind::Amend, id, &request::amend(symbol, id, quantity)).await
    }

    /// Asks for one order, as the engine's question of this number; `None` if there was no clear answer.
    pub async fn query(&self, symbol: &str, id: &ClientOrderId, question: u64) -> Option<VenueEvent> {
        let (status, body) = self.shared.send(self.by, &request::query(symbol, id), true).await.ok()?;
        answer::query(id, question, status, &body)
    }

    /// Asks for one list, as the engine's question of this number; `None` if there was no clear answer.
    pub async fn query_list(&self, id: &ClientOrderId, question: u64) -> Option<VenueEvent> {
        let (status, body) = self.shared.send(self.by, &request::lists::query(id), true).await.ok()?;
        answer::query_list(id, question, status, &body)
    }

    /// Orders of the account that are open on a symbol, whoever placed them.
    ///
    /// # Errors
    /// The venue can't be reached or refuses.
    pub async fn open_orders(&self, symbol: &str) -> Result<Vec<ExecutionReport>, ClientError> {
        let request = account::open_orders(Some(symbol));
        Ok(answer::open_orders(&self.shared.read(self.by, "open orders", &request, true).await?)?)
    }

    /// Lists of the account that are open, whoever placed them.
    ///
    /// # Errors
    /// The venue can't be reached or refuses.
    pub async fn open_lists(&self) -> Result<Vec<OrderListReport>, ClientError> {
        let body = self.shared.read(self.by, "open order lists", &request::lists::open(), true).await?;
        Ok(read(&body)?)
    }

    /// The filters that this account has on an instrument beside the public ones (MAX_ASSET).
    ///
    /// # Errors
    /// The venue can't be reached or refuses; the instrument is as before.
    pub async fn narrow(&self, instrument: &mut Instrument) -> Result<(), ClientError> {
        let request = account::filters(&instrument.symbol);
        let own: RelevantFilters = read(&self.shared.read(self.by, "the account's filters", &request, true).await?)?;
        let all = own.symbol_filters.iter().chain(&own.exchange_filters).chain(&own.asset_filters);
        all.for_each(|filter| filter.narrow(instrument));
        Ok(())
    }
}

fn first_if(reduces: bool, mut request: Request) -> Request {
    if reduces {
        request.priority = Priority::Cancel;
    }
    request
}
