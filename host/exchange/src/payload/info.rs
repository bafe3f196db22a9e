//! What the exchange writes about itself: limits, symbols, filters, rules.

use ringfence_model::Decimal;
use ringfence_wire::number;
use ringfence_wire::rest::{self, RateLimit};
use serde::Serialize;
use serde_json::Value;

use crate::config::filters::{ExchangeFilters, Filters, PriceRange};
use crate::config::{LimitConfig, SymbolConfig, SymbolStatus};
use crate::http::call::{Ask, Door};
use crate::matching::SelfTrade;

/// All order types of the venue.
const ORDER_TYPES: [&str; 7] =
    ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"];

fn limit(kind: &str, interval: &str, interval_num: u64, limit: u64, count: Option<u64>) -> RateLimit {
    RateLimit { rate_limit_type: kind.to_owned(), interval: interval.to_owned(), interval_num, limit, count }
}

/// Request weight, with what is used of it if that is told.
pub(crate) fn weight_limit(limits: &LimitConfig, used: Option<u64>) -> RateLimit {
    limit("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_per_minute, used)
}

/// Unfilled orders in ten seconds and in the day.
pub(crate) fn order_limits(limits: &LimitConfig, counts: Option<(u64, u64)>) -> [RateLimit; 2] {
    [
        limit("ORDERS", "SECOND", 10, limits.orders_per_ten_seconds, counts.map(|(short, _)| short)),
        limit("ORDERS", "DAY", 1, limits.orders_per_day, counts.map(|(_, day)| day)),
    ]
}

/// All limits, as each API lists them.
fn limits(limits: &LimitConfig, door: Door) -> Vec<RateLimit> {
    let [short, day] = order_limits(limits, None);
    let last = match door {
        Door::Rest => limit("RAW_REQUESTS", "MINUTE", 5, limits.raw_per_five_minutes, None),
        Door::WsApi => limit("CONNECTIONS", "MINUTE", 5, limits.connections_per_five_minutes, None),
    };
    vec![weight_limit(limits, None), short, day, last]
}

/// A filter: its type, then its fields.
fn filter(kind: &str, fields: &[(&str, Value)]) -> String {
    let mut text = format!(r#"{{"filterType":"{kind}""#);
    for (name, value) in fields {
        text.push_str(&format!(r#","{name}":{value}"#));
    }
    text.push('}');
    text
}

fn amount(value: Decimal) -> Value {
    Value::String(number::text(value))
}

/// A factor is written as short as it is.
fn factor(value: Decimal) -> Value {
    Value::String(number::short(value))
}

/// A symbol's filters in the order in which the venue lists them.
fn filters(filters: &Filters) -> Vec<String> {
    let mut rows = vec![filter(
        "PRICE_FILTER",
        &[
            ("minPrice", amount(filters.price.min)),
            ("maxPrice", amount(filters.price.max)),
            ("tickSize", amount(filters.price.tick)),
        ],
    )];
    let lot = |kind, lot: &crate::config::filters::LotSize| {
        filter(kind, &[("minQty", amount(lot.min)), ("maxQty", amount(lot.max)), ("stepSize", amount(lot.step))])
    };
    rows.push(lot("LOT_SIZE", &filters.lot_size));
    let count = |rows: &mut Vec<String>, kind: &str, name: &str, value: Option<u32>| {
        if let Some(value) = value {
            rows.push(filter(kind, &[(name, value.into())]));
        }
    };
    count(&mut rows, "ICEBERG_PARTS", "limit", filters.iceberg_parts);
    if let Some(market) = &filters.market_lot_size {
        rows.push(lot("MARKET_LOT_SIZE", market));
    }
    if let Some(delta) = &filters.trailing_delta {
        rows.push(filter(
            "TRAILING_DELTA",
            &[
                ("minTrailingAboveDelta", delta.min_above.into()),
                ("maxTrailingAboveDelta", delta.max_above.into()),
                ("minTrailingBelowDelta", delta.min_below.into()),
                ("maxTrailingBelowDelta", delta.max_below.into()),
            ],
        ));
    }
    if let Some(percent) = &filters.percent_price {
        rows.push(filter(
            "PERCENT_PRICE",
            &[
                ("multiplierUp", factor(percent.up)),
                ("multiplierDown", factor(percent.down)),
                ("avgPriceMins", percent.minutes.into()),
            ],
        ));
    }
    if let Some(percent) = &filters.percent_price_by_side {
        rows.push(filter(
            "PERCENT_PRICE_BY_SIDE",
            &[
                ("bidMultiplierUp", factor(percent.bid_up)),
                ("bidMultiplierDown", factor(percent.bid_down)),
                ("askMultiplierUp", factor(percent.ask_up)),
                ("askMultiplierDown", factor(percent.ask_down)),
                ("avgPriceMins", percent.minutes.into()),
            ],
        ));
    }
    if let Some(notional) = &filters.min_notional {
        rows.push(filter(
            "MIN_NOTIONAL",
            &[
                ("minNotional", amount(notional.min)),
                ("applyToMarket", notional.on_market.into()),
                ("avgPriceMins", notional.minutes.into()),
            ],
        ));
    }
    if let Some(notional) = &filters.notional {
        rows.push(filter(
            "NOTIONAL",
            &[
                ("minNotional", amount(notional.min)),
                ("applyMinToMarket", notional.min_on_market.into()),
                ("maxNotional", amount(notional.max)),
                ("applyMaxToMarket", notional.max_on_market.into()),
                ("avgPriceMins", notional.minutes.into()),
            ],
        ));
    }
    count(&mut rows, "MAX_NUM_ORDERS", "maxNumOrders", filters.max_num_orders);
    count(&mut rows, "MAX_NUM_ORDER_LISTS", "maxNumOrderLists", filters.max_num_order_lists);
    count(&mut rows, "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", filters.max_num_algo_orders);
    count(&mut rows, "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders", filters.max_num_iceberg_orders);
    count(&mut rows, "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends", filters.max_num_order_amends);
    if let Some(most) = filters.max_position {
        rows.push(filter("MAX_POSITION", &[("maxPosition", amount(most))]));
    }
    rows
}

fn exchange_filters(filters: &ExchangeFilters) -> Vec<String> {
    let mut rows = Vec::new();
    for (kind, name, value) in [
        ("EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders", filters.max_num_orders),
        ("EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", filters.max_num_algo_orders),
        ("EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders", filters.max_num_iceberg_orders),
        ("EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists", filters.max_num_order_lists),
    ] {
        if let Some(value) = value {
            rows.push(filter(kind, &[(name, value.into())]));
        }
    }
    rows
}

/// `GET /api/v3/myFilters`. No account has filters on single assets here.
pub(crate) fn my_filters(symbol: &Filters, exchange: &ExchangeFilters) -> String {
    format!(
        r#"{{"exchangeFilters":[{}],"symbolFilters":[{}],"assetFilters":[]}}"#,
        exchange_filters(exchange).join(","),
        filters(symbol).join(",")
    )
}

/// What precedes a symbol's filters.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    symbol: &'a str,
    status: &'static str,
    base_asset: &'a str,
    base_asset_precision: u32,
    quote_asset: &'a str,
    quote_precision: u32,
    quote_asset_precision: u32,
    base_commission_precision: u32,
    quote_commission_precision: u32,
    order_types: [&'static str; 7],
    iceberg_allowed: bool,
    oco_allowed: bool,
    oto_allowed: bool,
    opo_allowed: bool,
    quote_order_qty_market_allowed: bool,
    allow_trailing_stop: bool,
    cancel_replace_allowed: bool,
    amend_allowed: bool,
    peg_instructions_allowed: bool,
    is_spot_trading_allowed: bool,
    is_margin_trading_allowed: bool,
}

/// What follows them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tail<'a> {
    permissions: [&'static str; 0],
    permission_sets: &'a [Vec<String>],
    default_self_trade_prevention_mode: &'static str,
    allowed_self_trade_prevention_modes: Vec<&'static str>,
}

fn symbol(rules: &SymbolConfig, status: SymbolStatus, show_sets: bool) -> String {
    let head = rest::write(&Head {
        symbol: &rules.symbol,
        status: status.word(),
        base_asset: &rules.base,
        base_asset_precision: 8,
        quote_asset: &rules.quote,
        quote_precision: 8,
        quote_asset_precision: 8,
        base_commission_precision: 8,
        quote_commission_precision: 8,
        order_types: ORDER_TYPES,
        iceberg_allowed: true,
        oco_allowed: true,
        oto_allowed: true,
        opo_allowed: true,
        quote_order_qty_market_allowed: true,
        allow_trailing_stop: true,
        cancel_replace_allowed: true,
        amend_allowed: true,
        peg_instructions_allowed: true,
        is_spot_trading_allowed: true,
        is_margin_trading_allowed: false,
    });
    let tail = rest::write(&Tail {
        permissions: [],
        permission_sets: if show_sets { &rules.permission_sets } else { &[] },
        default_self_trade_prevention_mode: SelfTrade::ALL[0].word(),
        allowed_self_trade_prevention_modes: SelfTrade::ALL.iter().map(|mode| mode.word()).collect(),
    });
    format!(
        r#"{},"filters":[{}],{}"#,
        head.trim_end_matches('}'),
        filters(&rules.filters).join(","),
        tail.trim_start_matches('{')
    )
}

/// `GET /api/v3/exchangeInfo`.
pub(crate) fn exchange_info(
    symbols: &[(&SymbolConfig, SymbolStatus)],
    filters: &ExchangeFilters,
    config: &LimitConfig,
    ask: &Ask<'_>,
    show_sets: bool,
) -> String {
    let rows: Vec<_> = symbols.iter().map(|(rules, status)| symbol(rules, *status, show_sets)).collect();
    format!(
        r#"{{"timezone":"UTC","serverTime":{},"rateLimits":{},"exchangeFilters":[{}],"symbols":[{}]}}"#,
        ask.unit.write(ask.now),
        rest::write(&limits(config, ask.door)),
        exchange_filters(filters).join(","),
        rows.join(",")
    )
}

/// `GET /api/v3/executionRules`: a symbol without a rule has an empty list.
pub(crate) fn execution_rules<'a>(symbols: impl Iterator<Item = &'a SymbolConfig>) -> String {
    let rows: Vec<_> = symbols
        .map(|rules| {
            let rule = rules.price_range.as_ref().map(price_range).unwrap_or_default();
            format!(r#"{{"symbol":"{}","rules":[{rule}]}}"#, rules.symbol)
        })
        .collect();
    format!(r#"{{"symbolRules":[{}]}}"#, rows.join(","))
}

/// A multiplier that is not enforced is null.
fn price_range(range: &PriceRange) -> String {
    let mut text = r#"{"ruleType":"PRICE_RANGE""#.to_owned();
    for (name, value) in [
        ("bidLimitMultUp", range.bid_up),
        ("bidLimitMultDown", range.bid_down),
        ("askLimitMultUp", range.ask_up),
        ("askLimitMultDown", range.ask_down),
    ] {
        text.push_str(&format!(r#","{name}":{}"#, value.map_or(Value::Null, factor)));
    }
    text.push('}');
    text
}
