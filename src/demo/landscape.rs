//! What the ground looks like from above: an invented country in the shape of the Provençal coast.
//!
//! A pure function of the place. Shore, heights and rivers come from [`Relief`]; what covers the ground follows
//! from slope, height and rock as it does there: bare limestone on the crests, forest on the slopes, vines in the
//! plains, towns where towns are. Colours are typical values of Sentinel-2 L2A.

use super::{
    gazetteer::{LAKES, Rock, Spot, TOWNS},
    noise::{cell, fbm, hash, lerp, smoothstep, unit},
    parcels::{crop, parcel},
    plane::{Bounds, Km, plane},
    relief::{Lie, Relief, massif},
    spectrum::Season,
};

const SEA_SEED: u32 = 101;
const MEADOW_SEED: u32 = 131;
const COVER_SEED: u32 = 151;
const TOWN_SEED: u32 = 171;
const GRAIN_SEED: u32 = 191;

/// Sun over the demo's mornings for the shading of slopes: azimuth and elevation in degrees. It moves too little
/// between August and September to be worth another relief.
const SUN: (f64, f64) = (151.0, 52.0);
/// Square kilometres a river drains to be seen.
const RIVER: f64 = 14.0;
/// Kilometres from the middle of a river to the edge of the green along it.
const REEDS: f64 = 0.08;

/// What covers the ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    /// The sea.
    Sea,
    /// A lake, a salt pan, or a river wide enough to fill a pixel.
    FreshWater,
    /// Sand on the shore.
    Beach,
    /// Trees.
    Forest,
    /// Garrigue and maquis: shrubs over soil and stone.
    Scrub,
    /// Bare rock.
    Rock,
    /// Fields and vineyards.
    Field,
    /// Houses and streets.
    Town,
}

/// The ground at a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground {
    /// What covers it.
    pub(super) cover: Cover,
    /// What it reflects over the two months, slopes shaded.
    pub(super) season: Season,
    /// Light on the slope relative to level ground, 1 on level ground.
    pub(super) light: f32,
}

/// The landscape of a region.
#[derive(Debug)]
pub(super) struct Landscape {
    relief: Relief,
    mouths: Vec<(Km, f64)>,
    towns: Vec<(Km, f64)>,
    lakes: Vec<(Km, f64)>,
}

impl Landscape {
    /// Works out the landscape around `bounds`. `is_land(longitude, latitude)` is the coast to follow.
    pub(super) fn new(bounds: Bounds, is_land: impl Fn(f64, f64) -> bool) -> Self {
        let relief = Relief::new(bounds, is_land);
        let place = |spots: &[Spot]| {
            spots
                .iter()
                .map(|spot| (plane(spot.at.0, spot.at.1), spot.radius))
                .collect()
        };
        Self {
            mouths: relief.mouths(90.0),
            relief,
            towns: place(&TOWNS),
            lakes: place(&LAKES),
        }
    }

    /// Signed distance to the coast in kilometres, positive on land.
    pub(super) fn shore(&self, at: Km) -> f64 {
        self.relief.shore(at)
    }

    /// The ground at a place on the flat map.
    pub(super) fn ground(&self, at: Km) -> Ground {
        let shore = self.relief.shore(at);
        if shore <= 0.0 {
            return Ground {
                cover: Cover::Sea,
                season: self.sea(at, -shore),
                light: 1.0,
            };
        }
        let lie = self.relief.lie(at);
        if let Some(season) = self.lake(at) {
            return Ground {
                cover: Cover::FreshWater,
                season,
                light: 1.0,
            };
        }
        let (cover, mut season) = self.land(at, shore, lie);
        let light = light(at, lie, cover);
        season.scale(light);
        #[expect(clippy::cast_possible_truncation, reason = "a factor near 1")]
        let light = light as f32;
        Ground {
            cover,
            season,
            light,
        }
    }

    fn sea(&self, at: Km, offshore: f64) -> Season {
        let mut season = Season::steady([165, 285, 445, 105]);
        // Deep water, in wide patches of clearer and richer water.
        season.scale(1.0 + 0.07 * fbm(SEA_SEED, at.0 / 19.0, at.1 / 11.0, 4));
        // The bottom shines through: sand, or meadows of Posidonia that end in ragged lines.
        let meadow = smoothstep(-0.15, 0.25, fbm(MEADOW_SEED, at.0 / 1.1, at.1 / 1.1, 4));
        let depth = offshore * (1.0 + 0.5 * fbm(SEA_SEED + 1, at.0 / 4.0, at.1 / 4.0, 3));
        let bottom = (-depth / 0.42).exp() * lerp(1.0, 0.30, meadow);
        season.mix(&Season::steady([560, 1080, 1090, 190]), 0.75 * bottom);
        season.mix(
            &Season::steady([225, 440, 560, 120]),
            0.65 * (-offshore / 2.6).exp(),
        );
        // Sediment off the mouths, drifting west with the current.
        for &(mouth, area) in &self.mouths {
            let (dx, dy) = (at.0 - mouth.0, at.1 - mouth.1);
            let reach = 0.55 * area.powf(0.25);
            let along = if dx < 0.0 { dx / 1.9 } else { dx };
            let out = along.hypot(dy) / reach + 0.45 * fbm(SEA_SEED + 2, at.0 / 1.6, at.1 / 1.6, 4);
            season.mix(
                &Season::steady([640, 830, 720, 230]),
                0.7 * (-out.max(0.0) * 1.5).exp(),
            );
        }
        // Glint on wind-roughened water, in streaks along the Mistral.
        let (along, across) = (at.0 * 0.94 - at.1 * 0.34, at.0 * 0.34 + at.1 * 0.94);
        let glint = fbm(SEA_SEED + 3, along / 9.0, across / 1.3, 4).max(0.0);
        season.mix(&Season::steady([330, 430, 560, 260]), 0.26 * glint);
        season
    }

    fn lake(&self, at: Km) -> Option<Season> {
        let near = self
            .lakes
            .iter()
            .find(|(middle, radius)| (at.0 - middle.0).hypot(at.1 - middle.1) < 2.2 * radius)?;
        let (middle, radius) = *near;
        let out = (at.0 - middle.0).hypot((at.1 - middle.1) * 1.3) / radius;
        let ragged = out
            + 1.1
                * fbm(
                    SEA_SEED + 4,
                    at.0 / (1.5 * radius),
                    at.1 / (1.5 * radius),
                    4,
                );
        (ragged < 0.9).then(|| Season::steady([230, 390, 390, 150]))
    }

    fn land(&self, at: Km, shore: f64, lie: Lie) -> (Cover, Season) {
        let slope = lie.east_slope.hypot(lie.north_slope);
        let town = self.town(at, slope);
        let beach = 0.17 * fbm(COVER_SEED + 9, at.0 / 2.6, at.1 / 2.6, 3) - 0.01 - 0.4 * slope;
        if shore < beach {
            return (Cover::Beach, Season::steady([2250, 2050, 1650, 2700]));
        }
        if town > 0.42 {
            return (Cover::Town, streets(at, town));
        }
        let river = self.relief.river(meandering(at), RIVER);
        let width = river.map_or(0.0, |river| 0.012 * river.area.powf(0.3));
        let bank = river.map_or(f64::INFINITY, |river| river.distance);
        if bank < width {
            return (
                Cover::FreshWater,
                Season::new([520, 640, 540, 700], [430, 560, 480, 650]),
            );
        }

        let field = parcel(at);
        let there = self.relief.lie(field.middle);
        let steep = there.east_slope.hypot(there.north_slope);
        let country = fbm(COVER_SEED, field.middle.0 / 4.0, field.middle.1 / 4.0, 4);
        let wild = steep / 0.125
            + there.height / 0.75
            + 0.95 * country
            + 0.30 * (unit(field.bits, 7) - 0.5)
            + 0.55 * (1.0 - smoothstep(0.0, 1.6, shore));
        let (cover, mut season) = if wild < 0.85 {
            let fertile = fbm(
                COVER_SEED + 30,
                field.middle.0 / 9.0,
                field.middle.1 / 9.0,
                3,
            );
            let mut season = crop(field.bits, fertile);
            // Hedges and tracks.
            let hedge = Season::steady([560, 650, 420, 2300]);
            season.mix(&hedge, 0.55 * (1.0 - smoothstep(0.0, 0.045, field.border)));
            (Cover::Field, season)
        } else {
            Self::wilderness(at, lie, slope)
        };
        // Poplars and reeds along the rivers.
        if bank < REEDS {
            season.mix(
                &Season::steady([370, 540, 310, 3000]),
                0.8 * (1.0 - smoothstep(width, REEDS, bank)),
            );
        }
        // Gardens and villas around the towns.
        if town > 0.13 {
            let villa = unit(hash(TOWN_SEED, lattice(at.0, 0.11), lattice(at.1, 0.11)), 1);
            season.mix(&streets(at, town), smoothstep(0.13, 0.42, town) * villa);
        }
        (cover, season)
    }

    fn wilderness(at: Km, lie: Lie, slope: f64) -> (Cover, Season) {
        let (rock, share) = massif(at);
        let patches = fbm(COVER_SEED + 20, at.0 / 2.2, at.1 / 2.2, 5);
        let grain = fbm(GRAIN_SEED, at.0 / 0.35, at.1 / 0.35, 3);
        let stands = fbm(COVER_SEED + 40, at.0 / 5.5, at.1 / 5.5, 3);
        // South-facing slopes are dry.
        let dry = -lie.north_slope;
        let (stone, bareness, cover_loss) = match rock {
            Rock::Limestone => (Season::steady([1750, 1640, 1390, 2300]), 0.62, 0.25),
            Rock::Schist => (Season::steady([1000, 860, 680, 1700]), 0.12, 0.0),
            Rock::Porphyry => (Season::steady([1420, 860, 640, 1900]), 0.55, 0.15),
        };
        let bare =
            bareness * share * (1.0 + 0.7 * patches) + 0.62 * (slope - 0.28) + 0.25 * dry - 0.12;
        let thin = cover_loss * share + 0.48 * patches + 0.7 * dry + 0.18 * grain - 0.02;
        // Oaks, pines and chestnuts stand in their own parts of the hills.
        let mut season = Season::new([390, 530, 330, 2550], [410, 520, 330, 2350]);
        season.mix(
            &Season::new([290, 400, 270, 2050], [295, 395, 270, 2000]),
            smoothstep(-0.3, 0.3, stands),
        );
        season.mix(
            &Season::new([420, 640, 330, 3300], [520, 660, 350, 2900]),
            smoothstep(0.45, 0.9, -stands),
        );
        season.mix(
            &Season::new([720, 730, 490, 2100], [780, 750, 500, 1950]),
            smoothstep(0.0, 0.42, thin),
        );
        season.mix(&stone, smoothstep(0.10, 0.55, bare + 0.12 * grain));
        season.scale(1.0 + 0.13 * grain);
        let cover = if bare + 0.12 * grain > 0.32 {
            Cover::Rock
        } else if thin > 0.2 {
            Cover::Scrub
        } else {
            Cover::Forest
        };
        (cover, season)
    }

    /// How built up a place is: 0 in the country, 1 in the middle of a town.
    fn town(&self, at: Km, slope: f64) -> f64 {
        let mut density = 0.0_f64;
        for &(middle, radius) in &self.towns {
            let distance = (at.0 - middle.0).hypot(at.1 - middle.1);
            if distance < 3.0 * radius {
                // Towns reach out along valleys and the shore.
                let arm = 1.0
                    + 0.75
                        * fbm(
                            TOWN_SEED + 9,
                            at.0 / (1.1 * radius),
                            at.1 / (1.1 * radius),
                            3,
                        );
                let distance = distance / arm.max(0.35);
                density = density.max((-(distance / radius).powi(2) * 0.8).exp());
            }
        }
        // A village every few kilometres.
        let village = cell(TOWN_SEED + 5, at.0 / 5.5, at.1 / 5.5);
        let (dx, dy) = (at.0 - village.site.0 * 5.5, at.1 - village.site.1 * 5.5);
        let radius = lerp(0.22, 0.6, unit(village.bits, 1).powi(2));
        density = density.max(0.9 * (-(dx.hypot(dy) / radius).powi(2)).exp());
        if density < 0.05 {
            return 0.0;
        }
        let ragged = density + 0.42 * density.sqrt() * fbm(TOWN_SEED, at.0 / 1.5, at.1 / 1.5, 5);
        ragged * (1.0 - smoothstep(0.12, 0.36, slope))
    }
}

/// Roofs, streets, yards and gardens, denser towards the middle.
fn streets(at: Km, density: f64) -> Season {
    let quarter = cell(TOWN_SEED + 1, at.0 / 0.9, at.1 / 0.9);
    let (sin, cos) = (unit(quarter.bits, 1) * std::f64::consts::PI).sin_cos();
    let (along, across) = (at.0 * cos + at.1 * sin, at.1 * cos - at.0 * sin);
    let block = hash(TOWN_SEED + 2, lattice(along, 0.13), lattice(across, 0.10));
    let mut season = Season::steady([1330, 1190, 1040, 2050]); // roofs of tile between trees
    season.mix(&Season::steady([1230, 1210, 1150, 1750]), unit(block, 2)); // concrete and asphalt
    let gardens = lerp(0.62, 0.08, smoothstep(0.2, 0.9, density)) * (0.4 + 1.2 * unit(block, 3));
    season.mix(
        &Season::new([480, 600, 390, 2700], [560, 620, 410, 2500]),
        gardens,
    );
    if unit(quarter.bits, 2) > 0.86 && unit(block, 4) > 0.45 {
        season.mix(&Season::steady([2500, 2420, 2300, 2900]), 0.75); // halls of an industrial estate
    }
    // Avenues between the quarters.
    season.mix(
        &Season::steady([1050, 1060, 1040, 1400]),
        0.7 * (1.0 - smoothstep(0.02, 0.06, quarter.border)),
    );
    season.scale(lerp(0.86, 1.14, unit(block, 5)));
    season
}

/// Where a river that the grid draws in straight pieces runs through here.
fn meandering(at: Km) -> Km {
    let bend = |seed| 0.11 * fbm(seed, at.0 / 0.8, at.1 / 0.8, 3);
    (at.0 + bend(COVER_SEED + 60), at.1 + bend(COVER_SEED + 70))
}

/// Light on a slope relative to level ground (Lambert), with the fine relief that the grid does not carry.
fn light(at: Km, lie: Lie, cover: Cover) -> f64 {
    let rough = if matches!(cover, Cover::Forest | Cover::Scrub | Cover::Rock) {
        0.09 + 0.30 * lie.east_slope.hypot(lie.north_slope)
    } else {
        0.0
    };
    let fine = |seed| rough * fbm(seed, at.0 / 0.42, at.1 / 0.42, 3);
    let (east, north) = (
        1.5 * lie.east_slope + fine(GRAIN_SEED + 1),
        1.5 * lie.north_slope + fine(GRAIN_SEED + 2),
    );
    let (sin_azimuth, cos_azimuth) = SUN.0.to_radians().sin_cos();
    let towards_sun = -(east * sin_azimuth + north * cos_azimuth) / SUN.1.to_radians().tan();
    let lambert = (1.0 + towards_sun) / (1.0 + east * east + north * north).sqrt();
    // The sky lights what the sun does not reach.
    lerp(0.28, 1.0, lambert.clamp(0.0, 1.8))
}

fn lattice(value: f64, size: f64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a few thousand blocks along the region"
    )]
    let index = (value / size).floor() as i32;
    index
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::spectrum::ndvi;

    const BOUNDS: Bounds = Bounds {
        west: 6.2,
        south: 43.0,
        east: 6.5,
        north: 43.3,
    };

    fn landscape() -> Landscape {
        Landscape::new(BOUNDS, |_, lat| lat > 43.1)
    }

    #[test]
    fn sea_and_land_follow_the_given_coast() {
        let landscape = landscape();
        assert_eq!(landscape.ground(plane(6.35, 43.05)).cover, Cover::Sea);
        assert!(!matches!(
            landscape.ground(plane(6.35, 43.2)).cover,
            Cover::Sea | Cover::FreshWater
        ));
    }

    #[test]
    fn water_is_darker_in_the_infrared_than_in_the_blue_and_vegetation_is_not() {
        let landscape = landscape();
        let [_, _, blue, nir] = landscape.ground(plane(6.35, 43.05)).season.at(0.0);
        assert!(
            nir < blue && (200.0..700.0).contains(&blue),
            "blue {blue}, nir {nir}"
        );
        let mut forests = 0;
        for step in 0_u32..400 {
            let ground = landscape.ground(plane(6.2 + 0.0007 * f64::from(step), 43.22));
            if ground.cover == Cover::Forest {
                forests += 1;
                assert!(ndvi(ground.season.at(0.0)) > 0.4);
            }
        }
        assert!(forests > 20, "{forests} of 400 places are wooded");
    }

    #[test]
    fn a_town_stands_where_the_gazetteer_puts_it() {
        let landscape = landscape();
        let around = (0_u32..100).map(|i| {
            plane(
                6.365 + 0.001 * f64::from(i % 10),
                43.135 + 0.001 * f64::from(i / 10),
            )
        });
        let built = around
            .filter(|&at| landscape.ground(at).cover == Cover::Town)
            .count();
        assert!(
            built > 50,
            "{built} of 100 places in the middle of a town are built up"
        );
    }
}
