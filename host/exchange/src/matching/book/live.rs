//! What the generated market does to a book.

use ringfence_model::Side;

use super::{Book, Level, Maker, NOBODY};
use crate::fixed::Fixed;

impl Book {
    /// Prices at which the market stands.
    pub(crate) fn market_prices(&self, side: Side) -> Vec<Fixed> {
        self.levels(side).filter(|level| level.market.is_positive()).map(Level::price).collect()
    }

    /// Live: the market's quantity at a price becomes this. More joins the end of the
    /// queue, less leaves from its end.
    pub(crate) fn set_market(&mut self, side: Side, price: Fixed, quantity: Fixed) {
        let (have, last) = self.level(side, price).map_or((Fixed::ZERO, NOBODY), |level| (level.market, level.last));
        if quantity > have {
            let more = quantity - have;
            match self.place_mut(last) {
                Some(place) if place.maker == Maker::Market => {
                    place.visible += more;
                    place.slice = place.visible;
                    let level = self.level_mut(side, price);
                    level.visible += more;
                    level.market += more;
                }
                _ => self.insert_market(side, price, more, false),
            }
        } else if quantity < have {
            let mut less = have - quantity;
            let mut node = last;
            while less.is_positive()
                && let Some(place) = self.place(node).copied()
            {
                if place.maker == Maker::Market {
                    let gone = place.visible.min(less);
                    less -= gone;
                    self.take(node, gone);
                }
                node = place.before;
            }
        } else {
            return;
        }
        self.touched(side, price);
    }
}
