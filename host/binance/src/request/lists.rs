//! Order lists: orders of which one depends on another.
//!
//! Source: Binance, "New Order list - OCO / OTO / OTOCO / OPO / OPOCO", spot.

use ringfence_model::venue::{ClientOrderId, VenueList, VenueOrder};
use ringfence_wire::enums::side_text;

use super::orders::{Leg, OrderOptions};
use super::{Method, Request};

fn leg(request: Request, prefix: &'static str, name: &'static str, order: &VenueOrder, with_quantity: bool) -> Request {
    Leg { prefix, kind: &order.kind, with_quantity }.write(request).with(name, &order.client_order_id.0)
}

fn begin(path: &'static str, ws_method: &'static str, orders: u64, symbol: &str, id: &ClientOrderId) -> Request {
    Request::new(Method::Post, path, ws_method, 1)
        .ordering(orders)
        .with("symbol", symbol)
        .with("listClientOrderId", &id.0)
}

/// The order that the others wait for, then their side.
fn working(request: Request, order: &VenueOrder, pending: &VenueOrder) -> Request {
    let request = request.with("workingSide", side_text(order.side));
    leg(request, "working", "workingClientOrderId", order, true).with("pendingSide", side_text(pending.side))
}

fn pending_pair(request: Request, above: &VenueOrder, below: &VenueOrder) -> Request {
    let request = leg(request, "pendingAbove", "pendingAboveClientOrderId", above, false);
    leg(request, "pendingBelow", "pendingBelowClientOrderId", below, false)
}

/// Strategy numbers and pegs are named leg by leg in lists; the host gives none.
fn finish(request: Request, options: &OrderOptions) -> Request {
    request.options(&OrderOptions { strategy_id: None, strategy_type: None, peg: None, ..*options })
}

/// `POST /api/v3/orderList/…`: all orders of a list, or none of them.
pub fn place(id: &ClientOrderId, list: &VenueList, options: &OrderOptions) -> Request {
    let request = match list {
        VenueList::Oco { above, below } => {
            let request = begin("/api/v3/orderList/oco", "orderList.place.oco", 2, &above.symbol, id)
                .with("side", side_text(above.side))
                .some(above.kind.quantity(), |request, quantity| request.amount("quantity", quantity));
            let request = leg(request, "above", "aboveClientOrderId", above, false);
            leg(request, "below", "belowClientOrderId", below, false)
        }
        VenueList::Oto { working: first, pending } => {
            let request = begin("/api/v3/orderList/oto", "orderList.place.oto", 2, &first.symbol, id);
            leg(working(request, first, pending), "pending", "pendingClientOrderId", pending, true)
        }
        VenueList::Otoco { working: first, above, below } => {
            let request = begin("/api/v3/orderList/otoco", "orderList.place.otoco", 3, &first.symbol, id);
            let request = working(request, first, above)
                .some(above.kind.quantity(), |request, quantity| request.amount("pendingQuantity", quantity));
            pending_pair(request, above, below)
        }
    };
    finish(request, options)
}

/// `POST /api/v3/orderList/opo` and `…/opoco`: One Pays the Other. What waits gets what the
/// working order, a buy, receives; its own quantity is not sent. `None` for an OCO, in which
/// nothing waits.
pub fn place_paying(id: &ClientOrderId, list: &VenueList, options: &OrderOptions) -> Option<Request> {
    let request = match list {
        VenueList::Oco { .. } => return None,
        VenueList::Oto { working: first, pending } => {
            let request = begin("/api/v3/orderList/opo", "orderList.place.opo", 2, &first.symbol, id);
            leg(working(request, first, pending), "pending", "pendingClientOrderId", pending, false)
        }
        VenueList::Otoco { working: first, above, below } => {
            let request = begin("/api/v3/orderList/opoco", "orderList.place.opoco", 3, &first.symbol, id);
            pending_pair(working(request, first, above), above, below)
        }
    };
    Some(finish(request, options))
}

/// `DELETE /api/v3/orderList`: all orders of a list.
pub fn cancel(symbol: &str, id: &ClientOrderId) -> Request {
    Request::new(Method::Delete, "/api/v3/orderList", "orderList.cancel", 1)
        .with("symbol", symbol)
        .with("listClientOrderId", &id.0)
}

/// `GET /api/v3/orderList`.
pub fn query(id: &ClientOrderId) -> Request {
    Request::new(Method::Get, "/api/v3/orderList", "orderList.status", 4).with("origClientOrderId", &id.0)
}

/// `GET /api/v3/openOrderList`.
pub fn open() -> Request {
    Request::new(Method::Get, "/api/v3/openOrderList", "openOrderLists.status", 6)
}

/// `GET /api/v3/allOrderList`, from a list's number on.
pub fn all(from_id: Option<u64>, limit: u32) -> Request {
    Request::new(Method::Get, "/api/v3/allOrderList", "allOrderLists", 20)
        .number("limit", limit)
        .some(from_id, |request, id| request.number("fromId", id))
}
