//! What stands open on the account when the host starts. An earlier run may have ended without
//! a word to the venue. No plugin of this run knows those orders and no allocation counts
//! them, so they are told, and on the operator's word cancelled.

use std::time::Duration;

use ringfence_binance::Client;
use ringfence_model::venue::{ClientOrderId, ExecutionReport};

use super::hub;
use crate::config::LeftOver;
use crate::view::Feed;

/// How often what is left is cancelled and looked for again.
const TRIES: u32 = 5;
/// How long the venue has between two of these.
const PAUSE: Duration = Duration::from_millis(500);
/// Names that are told; all are counted.
const NAMED: usize = 10;

/// Looks once. What is not cancelled is told again.
///
/// # Errors
/// The venue can't be asked.
pub(super) async fn look(
    client: &Client,
    symbols: &[String],
    policy: LeftOver,
    feed: &Feed,
) -> Result<(), ringfence_binance::ClientError> {
    let mut open = orders(client, symbols).await?;
    if open.is_empty() {
        return Ok(());
    }
    let lists = client.open_lists().await?.len();
    let in_lists = if lists == 0 { String::new() } else { format!(", {lists} lists among them") };
    feed.say(format!("open on the account from before, known to no plugin: {}{in_lists}", named(&open)));
    if policy == LeftOver::Keep {
        feed.say("they stay: venue.left_over is \"keep\"".to_owned());
        return Ok(());
    }
    for _ in 0..TRIES {
        let ours: Vec<_> = open.iter().filter(|order| is_of_a_run(client, &order.client_order_id)).collect();
        if ours.is_empty() {
            break;
        }
        for order in ours {
            // One of a list takes the others with it; whatever the answer is, the venue is asked again.
            drop(client.cancel(&order.symbol, &order.client_order_id).await);
        }
        tokio::time::sleep(PAUSE).await;
        open = orders(client, symbols).await?;
    }
    if open.is_empty() {
        feed.say("all of them are cancelled".to_owned());
    } else {
        feed.say(format!("still open, not placed by a run of this host or not to be cancelled: {}", named(&open)));
    }
    Ok(())
}

fn is_of_a_run(client: &Client, id: &ClientOrderId) -> bool {
    hub::is_of_a_run(id, client.now())
}

async fn orders(client: &Client, symbols: &[String]) -> Result<Vec<ExecutionReport>, ringfence_binance::ClientError> {
    let mut open = Vec::new();
    for symbol in symbols {
        open.extend(client.open_orders(symbol).await?);
    }
    Ok(open)
}

fn named(orders: &[ExecutionReport]) -> String {
    let names: Vec<_> =
        orders.iter().take(NAMED).map(|order| format!("{} on {}", order.client_order_id.0, order.symbol)).collect();
    let more = orders.len().saturating_sub(NAMED);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{rest}", names.join(", "))
}
