//! Order lists: orders of which one depends on another.
//!
//! Source: Binance, "New Order list - OCO / OTO / OTOCO", spot.

use ringfence_model::venue::{ClientOrderId, VenueList, VenueOrder};
use ringfence_wire::enums::side_text;

use super::orders::{Leg, OrderOptions};
use super::{Method, Request};

fn leg(request: Request, prefix: &'static str, name: &'static str, order: &VenueOrder, with_quantity: bool) -> Request {
    Leg { prefix, kind: &order.kind, with_quantity }.write(request).with(name, &order.client_order_id.0)
}

/// `POST /api/v3/orderList/…`: all orders of a list, or none of them.
pub fn place(id: &ClientOrderId, list: &VenueList, options: &OrderOptions) -> Request {
    let begin = |path, ws_method, orders, first: &VenueOrder| {
        Request::new(Method::Post, path, ws_method, 1)
            .ordering(orders)
            .with("symbol", &first.symbol)
            .with("listClientOrderId", &id.0)
    };
    let request = match list {
        VenueList::Oco { above, below } => {
            let request = begin("/api/v3/orderList/oco", "orderList.place.oco", 2, above)
                .with("side", side_text(above.side))
                .some(above.kind.quantity(), |request, quantity| request.amount("quantity", quantity));
            let request = leg(request, "above", "aboveClientOrderId", above, false);
            leg(request, "below", "belowClientOrderId", below, false)
        }
        VenueList::Oto { working, pending } => {
            let request = begin("/api/v3/orderList/oto", "orderList.place.oto", 2, working)
                .with("workingSide", side_text(working.side));
            let request = leg(request, "working", "workingClientOrderId", working, true)
                .with("pendingSide", side_text(pending.side));
            leg(request, "pending", "pendingClientOrderId", pending, true)
        }
        VenueList::Otoco { working, above, below } => {
            let request = begin("/api/v3/orderList/otoco", "orderList.place.otoco", 3, working)
                .with("workingSide", side_text(working.side));
            let request = leg(request, "working", "workingClientOrderId", working, true)
                .with("pendingSide", side_text(above.side))
                .some(above.kind.quantity(), |request, quantity| request.amount("pendingQuantity", quantity));
            let request = leg(request, "pendingAbove", "pendingAboveClientOrderId", above, false);
            leg(request, "pendingBelow", "pendingBelowClientOrderId", below, false)
        }
    };
    // Strategy numbers are named leg by leg there; the host gives none.
    request.options(&OrderOptions { strategy_id: None, strategy_type: None, ..*options })
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
