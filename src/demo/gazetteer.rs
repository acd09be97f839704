//! Where things are: massifs, towns and lakes of the coast between Marseille and the Esterel.
//!
//! Positions and sizes are approximate. They exist so that someone who knows the coast recognises it.

/// What a massif is made of, which decides how bare it is and in which colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rock {
    /// Pale and bare on steep slopes.
    Limestone,
    /// Dark, and wooded up to the crest.
    Schist,
    /// The red volcanic rock of the Esterel.
    Porphyry,
}

/// An elongated mountain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Massif {
    /// Longitude and latitude of the middle, in degrees.
    pub(super) at: (f64, f64),
    /// Half length and half width, in kilometres.
    pub(super) half_axes: (f64, f64),
    /// Direction of the long axis, degrees clockwise from north.
    pub(super) azimuth: f64,
    /// Height above its surroundings, in kilometres.
    pub(super) height: f64,
    /// What it is made of.
    pub(super) rock: Rock,
}

/// A town or a lake: a round thing with a place and a size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    /// Longitude and latitude of the middle, in degrees.
    pub(super) at: (f64, f64),
    /// Radius in kilometres.
    pub(super) radius: f64,
}

const fn massif(
    at: (f64, f64),
    half_axes: (f64, f64),
    azimuth: f64,
    height: f64,
    rock: Rock,
) -> Massif {
    Massif {
        at,
        half_axes,
        azimuth,
        height,
        rock,
    }
}

const fn spot(lon: f64, lat: f64, radius: f64) -> Spot {
    Spot {
        at: (lon, lat),
        radius,
    }
}

/// The massifs, from west to east.
pub(super) const MASSIFS: [Massif; 19] = [
    massif((5.46, 43.215), (9.0, 3.0), 95.0, 0.48, Rock::Limestone), // Calanques
    massif((5.50, 43.37), (9.0, 4.0), 70.0, 0.62, Rock::Limestone),  // Étoile and Garlaban
    massif((5.58, 43.195), (4.0, 2.5), 110.0, 0.38, Rock::Limestone), // Cap Canaille
    massif((5.63, 43.54), (10.0, 2.6), 92.0, 0.85, Rock::Limestone), // Sainte-Victoire
    massif((5.74, 43.325), (14.0, 3.6), 82.0, 0.95, Rock::Limestone), // Sainte-Baume
    massif((5.80, 43.47), (9.0, 2.6), 95.0, 0.62, Rock::Limestone),  // Mont Aurélien
    massif((5.85, 43.065), (4.0, 1.8), 90.0, 0.32, Rock::Schist),    // Cap Sicié
    massif((5.87, 43.24), (9.0, 6.0), 80.0, 0.58, Rock::Limestone),  // Siou Blanc
    massif((5.94, 43.165), (9.0, 2.4), 88.0, 0.62, Rock::Limestone), // Caume, Faron, Coudon
    massif((6.03, 43.36), (8.0, 3.5), 90.0, 0.60, Rock::Limestone),  // Loube
    massif((6.13, 43.53), (7.0, 3.0), 80.0, 0.55, Rock::Limestone),  // Bessillons
    massif((6.21, 43.0), (3.5, 1.2), 90.0, 0.14, Rock::Schist),      // Porquerolles
    massif((6.20, 43.63), (38.0, 9.0), 90.0, 0.42, Rock::Limestone), // Haut-Var
    massif((6.24, 43.19), (12.0, 6.0), 65.0, 0.50, Rock::Schist),    // Maures, west
    massif((6.42, 43.27), (17.0, 7.5), 62.0, 0.66, Rock::Schist),    // Maures, east
    massif((6.48, 43.70), (20.0, 8.0), 95.0, 0.85, Rock::Limestone), // Canjuers
    massif((6.66, 43.215), (4.5, 3.0), 20.0, 0.26, Rock::Schist),    // Saint-Tropez
    massif((6.84, 43.49), (8.5, 5.5), 50.0, 0.52, Rock::Porphyry),   // Esterel
    massif((6.88, 43.59), (7.0, 4.5), 80.0, 0.42, Rock::Schist),     // Tanneron
];

/// The towns, largest first along the coast, then inland.
pub(super) const TOWNS: [Spot; 26] = [
    spot(5.39, 43.30, 7.5), // Marseille
    spot(5.93, 43.125, 4.4),
    spot(5.88, 43.10, 2.6), // La Seyne
    spot(5.99, 43.125, 2.4),
    spot(6.13, 43.12, 2.4), // Hyères
    spot(5.605, 43.18, 2.0),
    spot(5.57, 43.29, 2.8), // Aubagne
    spot(5.75, 43.14, 1.4),
    spot(5.69, 43.18, 1.4),
    spot(5.83, 43.12, 1.5),
    spot(6.37, 43.14, 1.3),
    spot(6.64, 43.27, 1.2), // Saint-Tropez
    spot(6.64, 43.31, 1.5),
    spot(6.57, 43.27, 1.0),
    spot(6.74, 43.435, 2.6), // Fréjus
    spot(6.77, 43.427, 2.0),
    spot(6.93, 43.55, 2.6), // Mandelieu
    spot(6.46, 43.54, 2.4), // Draguignan
    spot(6.06, 43.405, 2.0),
    spot(5.86, 43.452, 1.5),
    spot(6.31, 43.39, 1.4),
    spot(6.07, 43.237, 1.2),
    spot(6.43, 43.43, 1.2),
    spot(6.12, 43.18, 1.3),
    spot(5.45, 43.53, 3.6), // Aix
    spot(5.41, 43.45, 2.0),
];

/// The lakes.
pub(super) const LAKES: [Spot; 4] = [
    spot(6.80, 43.585, 1.5), // Saint-Cassien
    spot(6.175, 43.465, 0.7),
    spot(6.165, 43.105, 0.6), // Salins d'Hyères
    spot(5.62, 43.545, 0.5),
];
