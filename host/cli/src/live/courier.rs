//! Carries what the engine decided to the venue, each command on its own task, and
//! brings the answers back. It decides nothing and never sends a thing twice.

use ringfence_binance::Client;
use ringfence_binance::limits::Requester;
use ringfence_engine::{Output, seat_of};
use ringfence_model::venue::VenueEvent;
use ringfence_model::{Instrument, SeatId};
use tokio::sync::mpsc::UnboundedReceiver;

use super::hub::{HubSender, Input};

/// Runs until the engine has ended.
pub(super) async fn run(
    mut inbox: UnboundedReceiver<Output>,
    client: Client,
    hub: HubSender,
    instruments: Vec<Instrument>,
) {
    while let Some(output) = inbox.recv().await {
        let hub = hub.clone();
        let client = match requester(&output) {
            Some(seat) => client.of(Requester::Seat(seat)),
            None => client.clone(),
        };
        match output {
            Output::Subscribe { instrument, stream } => client.subscribe(instrument, stream),
            Output::Unsubscribe { instrument, stream } => client.unsubscribe(instrument, stream),
            Output::Place(approved) => drop(tokio::spawn(async move {
                let answer = client.place(approved.order(), approved.reduces()).await;
                tell(&client, &hub, answer);
            })),
            Output::PlaceList(approved) => drop(tokio::spawn(async move {
                let answer = client.place_list(approved.id(), approved.list(), approved.reduces()).await;
                tell(&client, &hub, answer);
            })),
            Output::CancelList { symbol, list } => drop(tokio::spawn(async move {
                let answer = client.cancel_list(&symbol, &list).await;
                tell(&client, &hub, answer);
            })),
            Output::QueryList { list, question } => drop(tokio::spawn(async move {
                if let Some(answer) = client.query_list(&list, question).await {
                    tell(&client, &hub, answer);
                }
            })),
            Output::Cancel { symbol, client_order_id } => drop(tokio::spawn(async move {
                let answer = client.cancel(&symbol, &client_order_id).await;
                tell(&client, &hub, answer);
            })),
            Output::Amend { symbol, client_order_id, quantity } => drop(tokio::spawn(async move {
                let answer = client.amend(&symbol, &client_order_id, quantity).await;
                tell(&client, &hub, answer);
            })),
            Output::Query { symbol, client_order_id, question } => drop(tokio::spawn(async move {
                // No answer is no harm: the engine asks again.
                if let Some(answer) = client.query(&symbol, &client_order_id, question).await {
                    tell(&client, &hub, answer);
                }
            })),
            Output::Trades { symbol, client_order_id, venue_order_id } => drop(tokio::spawn(async move {
                match client.trades(&symbol, venue_order_id).await {
                    Ok(fills) => hub.send(Input::Trades { id: client_order_id, fills }),
                    Err(error) => {
                        tracing::warn!(%error, %symbol, "missing fills can't be read yet")
                    }
                }
            })),
            Output::History { seat, request, instrument, interval, start, limit } => {
                let known = instruments.iter().find(|known| known.id == instrument).cloned();
                drop(tokio::spawn(async move {
                    let klines = match known {
                        Some(known) => client.klines(&known, interval, start, limit).await.ok(),
                        None => None,
                    };
                    hub.send(Input::History { seat, request, klines });
                }));
            }
            // The engine's thread keeps these for itself.
            Output::Deliver { .. } | Output::Unattributed { .. } | Output::Alarm { .. } => {}
        }
    }
}

/// The plugin in whose name it is asked; `None` for the host.
fn requester(output: &Output) -> Option<SeatId> {
    match output {
        Output::Place(approved) => seat_of(&approved.order().client_order_id),
        Output::PlaceList(approved) => seat_of(approved.id()),
        Output::CancelList { list, .. } => seat_of(list),
        Output::Cancel { client_order_id, .. } | Output::Amend { client_order_id, .. } => seat_of(client_order_id),
        Output::History { seat, .. } => Some(*seat),
        // What became of an order is the host's question.
        _ => None,
    }
}

fn tell(client: &Client, hub: &HubSender, event: VenueEvent) {
    hub.send(Input::Venue { received: client.now(), event });
}
