//! Order lists.

use super::call::{Call, Right, Run};
use crate::answer::Refusal;

const NO_OCO: &str = "OCO orders are not supported for this symbol";
const NO_OPO: &str = "OPO orders are not supported for this symbol.";

pub(super) const CALLS: &[Call] = &[
    Call::new(
        &[("POST", "order/oco"), ("POST", "orderList/oco"), ("POST", "orderList/oto"), ("POST", "orderList/otoco")],
        &["orderList.place", "orderList.place.oco", "orderList.place.oto", "orderList.place.otoco"],
        |_| 1,
        Run::Signed(Right::Trade, |_, _, _| Err(Refusal::rejected(NO_OCO))),
    ),
    Call::new(
        &[("POST", "orderList/opo"), ("POST", "orderList/opoco")],
        &["orderList.place.opo", "orderList.place.opoco"],
        |_| 1,
        Run::Signed(Right::Trade, |_, _, _| Err(Refusal::rejected(NO_OPO))),
    ),
];
