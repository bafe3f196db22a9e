//! Bodies of answers and events: what is read is written and read again without loss, as
//! every kind at once.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence_wire::rest::account::{Account, Commission, RelevantFilters, TestOrder};
use ringfence_wire::rest::market::{
    AggregateTrade, AveragePrice, BookTicker, ExecutionRules, OneOrMany, PriceTicker, PublicTrade, ReferencePrice,
    ReferencePriceCalculation, Statistics, VenueRules,
};
use ringfence_wire::rest::orders::{
    AccountTrade, Allocation, AmendReport, Amendment, CancelReplaceError, CancelReplaceReport, Canceled,
    OrderListReport, OrderReport, PreventedMatch,
};
use ringfence_wire::rest::{DepthSnapshot, ErrorBody, KlineRow, RateLimit, ServerTime, read, write};
use ringfence_wire::user::{AccountPositionPayload, DeltaEvent, FullReport, ListStatusPayload};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn through<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(raw: &[u8]) {
    let Ok(parsed) = read::<T>(raw) else { return };
    let written = write(&parsed);
    let again = read::<T>(written.as_bytes()).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(parsed, again);
}

fuzz_target!(|raw: &[u8]| {
    through::<Account>(raw);
    through::<Commission>(raw);
    through::<RelevantFilters>(raw);
    through::<TestOrder>(raw);
    through::<OneOrMany<Statistics>>(raw);
    through::<OneOrMany<PriceTicker>>(raw);
    through::<OneOrMany<BookTicker>>(raw);
    through::<ExecutionRules>(raw);
    through::<ReferencePrice>(raw);
    through::<ReferencePriceCalculation>(raw);
    through::<VenueRules>(raw);
    through::<AveragePrice>(raw);
    through::<Vec<AggregateTrade>>(raw);
    through::<Vec<PublicTrade>>(raw);
    through::<Vec<AccountTrade>>(raw);
    through::<Vec<Allocation>>(raw);
    through::<AmendReport>(raw);
    through::<Vec<Amendment>>(raw);
    through::<CancelReplaceError>(raw);
    through::<CancelReplaceReport>(raw);
    through::<Vec<Canceled>>(raw);
    through::<OrderListReport>(raw);
    through::<OrderReport>(raw);
    through::<Vec<OrderReport>>(raw);
    through::<Vec<PreventedMatch>>(raw);
    through::<DepthSnapshot>(raw);
    through::<ErrorBody>(raw);
    through::<Vec<KlineRow>>(raw);
    through::<Vec<RateLimit>>(raw);
    through::<ServerTime>(raw);
    through::<FullReport>(raw);
    through::<AccountPositionPayload>(raw);
    through::<DeltaEvent>(raw);
    through::<ListStatusPayload>(raw);
});
