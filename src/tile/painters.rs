//! The painters of the styles that are asked for: their tables take a tenth of
//! the time that a tile does.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use super::Prepared;
use crate::{
    raster::{Expression, Raster},
    render::{Packing, Painter, Picture, Style},
};

/// Painters that are kept, of up to 0.4 MB each: most maps show one style.
const KEPT: usize = 8;

/// What tells painters apart: the style's text, and the value that is no data.
type Key = (String, u16);

/// What makes a picture of a tile's samples.
pub(super) enum Paints {
    /// As they are stored.
    Stored(Arc<Painter<u16>>),
    /// By an expression over them. Floats have no tables, so such a painter is made
    /// at once and not kept.
    Computed(Expression, Box<Painter<f32>>),
}

impl Paints {
    /// Paints the samples of a tile, one raster a variable.
    pub(super) fn paint(&self, rasters: &[Raster<u16>], nodata: u16) -> Picture {
        match self {
            Self::Stored(painter) => painter.paint(rasters),
            Self::Computed(expression, painter) => painter.paint(&[expression.of(rasters, nodata)]),
        }
    }
}

/// The painters used last, the latest first.
#[derive(Debug, Default)]
pub(super) struct Painters(Mutex<VecDeque<(Key, Arc<Painter<u16>>)>>);

impl Painters {
    /// What paints a tile.
    pub(super) fn of(&self, style: &Style, tile: &Prepared) -> Paints {
        match &tile.expression {
            None => Paints::Stored(self.kept(style, tile.nodata)),
            Some(expression) => {
                let painter = style.painter(&[Packing::default()]);
                Paints::Computed(expression.clone(), Box::new(painter))
            }
        }
    }

    fn kept(&self, style: &Style, nodata: u16) -> Arc<Painter<u16>> {
        let key = (style.canonical(), nodata);
        if let Some(painter) = self.known(&key) {
            return painter;
        }
        let packing = Packing::with_nodata(f64::from(nodata));
        let painter = Arc::new(style.painter(&[packing]));
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT - 1);
        kept.push_front((key, Arc::clone(&painter)));
        painter
    }

    fn known(&self, key: &Key) -> Option<Arc<Painter<u16>>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(other, _)| other == key)?;
        kept.swap(0, at);
        Some(Arc::clone(&kept[0].1))
    }
}
