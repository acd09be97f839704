//! Why a store or a request for it cannot be served. Each message says what
//! was found and what would be right.

/// Why a store makes no data set, a variable no picture, or a selection
/// selects nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DatasetError {
    /// No metadata document was found.
    #[error("there is no Zarr store here: none of zarr.json, .zgroup and .zmetadata is found")]
    NotZarr,
    /// The address is that of an array.
    #[error("this is a single array; give the group that holds it and its coordinates")]
    RootIsArray,
    /// A document is not what Zarr asks for.
    #[error("the metadata of `{path}` cannot be read: {reason}")]
    Document {
        /// Path of the node, or key of the document.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More than is looked at.
    #[error("{what} is {found}; at most {limit} are looked at")]
    TooLarge {
        /// What is too large.
        what: String,
        /// How large it is.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// No such group.
    #[error("there is no group `{path}`; groups with rasters are: {available}")]
    NoGroup {
        /// As asked for.
        path: String,
        /// Groups there are.
        available: String,
    },
    /// Nothing to make a picture of.
    #[error(
        "the group `{path}` holds no variable with an x and a y dimension; groups with rasters are: {available}"
    )]
    NoVariables {
        /// Path of the group.
        path: String,
        /// Groups there are.
        available: String,
    },
    /// No such variable.
    #[error("there is no variable `{name}`{hint}; there are {available}")]
    UnknownVariable {
        /// As asked for.
        name: String,
        /// A suggestion, or nothing.
        hint: String,
        /// The variables there are.
        available: String,
    },
    /// An array without a horizontal grid.
    #[error(
        "`{array}` has the dimensions ({dimensions}), of which none is a y and an x: name them y and x or latitude and longitude, or describe them by `axis`, `standard_name` or `units` of their coordinates, or by `spatial:dimensions`"
    )]
    NotARaster {
        /// Path of the array.
        array: String,
        /// Its dimensions.
        dimensions: String,
    },
    /// A codec that is not decoded.
    #[error(
        "`{array}` is stored with the codec `{codec}`, which is not supported; supported are {supported}"
    )]
    UnsupportedCodec {
        /// Path of the array.
        array: String,
        /// Name of the codec.
        codec: String,
        /// Codecs that are.
        supported: String,
    },
    /// A type that no picture is made of.
    #[error(
        "`{array}` holds {found}; pictures are made of bool, integers, and floats of 16, 32 or 64 bits"
    )]
    UnsupportedDataType {
        /// Path of the array.
        array: String,
        /// Its type.
        found: String,
    },
    /// Coordinates of two dimensions.
    #[error(
        "`{array}` is on a curvilinear grid: its coordinate `{coordinate}` has two dimensions; only grids whose rows and columns follow the axes are served"
    )]
    Curvilinear {
        /// Path of the array.
        array: String,
        /// Path of the coordinate.
        coordinate: String,
    },
    /// Nothing tells where the cells are.
    #[error(
        "nothing tells where the cells of dimension `{dimension}` of `{array}` are: there is neither a coordinate variable of this name nor a `spatial:transform`"
    )]
    NoCoordinates {
        /// Path of the array.
        array: String,
        /// Name of the dimension.
        dimension: String,
    },
    /// A coordinate that could not be read.
    #[error("the coordinate `{coordinate}` cannot be used: {reason}")]
    BadCoordinate {
        /// Path of the coordinate.
        coordinate: String,
        /// Why.
        reason: String,
    },
    /// Cells of different sizes.
    #[error(
        "the grid is not regular: coordinate `{coordinate}` goes from {from} to {to} at index {index}, a step of {step}, while its usual step is {usual}; steps may differ by {tolerance} at most"
    )]
    Irregular {
        /// Path of the coordinate.
        coordinate: String,
        /// Index of the step's second value.
        index: usize,
        /// Value before the step.
        from: f64,
        /// Value after it.
        to: f64,
        /// The step.
        step: f64,
        /// The median step.
        usual: f64,
        /// How far a step may be off.
        tolerance: f64,
    },
    /// Rows or columns that do not follow the axes.
    #[error(
        "`{path}` has the affine transform {found}, which is rotated, sheared or without size; only [width, 0, x, 0, height, y] is served"
    )]
    Transform {
        /// Path of the node.
        path: String,
        /// As it stands there.
        found: String,
    },
    /// A geographic description that contradicts the array.
    #[error("`{attribute}` of `{path}` is {found}; {right}")]
    Attribute {
        /// Path of the node.
        path: String,
        /// Name of the attribute.
        attribute: String,
        /// As it stands there.
        found: String,
        /// What would be right.
        right: String,
    },
    /// No coordinate reference system.
    #[error(
        "nothing tells the coordinate reference system of `{array}`: give `proj:wkt2` or `proj:code`, a CF `grid_mapping`, or coordinates in degrees named longitude and latitude"
    )]
    NoCrs {
        /// Path of the array.
        array: String,
    },
    /// `sel` does not follow the grammar.
    #[error("`sel={0}` is no selection: write sel=DIMENSION=VALUE or sel=DIMENSION=METHOD::VALUE")]
    Grammar(String),
    /// A dimension that the variable does not have.
    #[error("`{variable}` has no dimension `{name}` to select from{hint}; there are: {available}")]
    UnknownDimension {
        /// The variable.
        variable: String,
        /// As asked for.
        name: String,
        /// A suggestion, or nothing.
        hint: String,
        /// The dimensions there are.
        available: String,
    },
    /// A method that is not known.
    #[error("`{0}` is no method of selection: use nearest, pad, ffill, backfill or bfill")]
    UnknownMethod(String),
    /// Two methods for one dimension.
    #[error("`sel` asks for dimension `{0}` by two methods; use one")]
    TwoMethods(String),
    /// More than one dimension of bands.
    #[error(
        "`sel` selects several values of `{first}` and of `{second}`; only one dimension can make bands"
    )]
    TwoBandDimensions {
        /// A dimension.
        first: String,
        /// Another.
        second: String,
    },
    /// No dimension along which anything changes over time.
    #[error("`{0}` has no dimension of time, and so nothing to reduce over it")]
    NoTime(String),
    /// More times than become one.
    #[error("these are {0} times, and at most {1} become one: name an interval by `sel`")]
    ManyTimes(usize, usize),
    /// An interval that holds none of the times.
    #[error("`{dimension}={interval}` holds none of the times, which are {available}")]
    NoneWithin {
        /// Name of the dimension.
        dimension: String,
        /// As asked for.
        interval: String,
        /// Some of the times.
        available: String,
    },
    /// A value that is none of the axis' kind.
    #[error("`{value}` is no {kind}, which dimension `{dimension}` has; it has {available}")]
    NoSuchKind {
        /// Name of the dimension.
        dimension: String,
        /// As asked for.
        value: String,
        /// What its values are.
        kind: &'static str,
        /// Some of its values.
        available: String,
    },
    /// A value that is not on the axis.
    #[error("dimension `{dimension}` has no value {value}{method}; {available}")]
    NoSuchValue {
        /// Name of the dimension.
        dimension: String,
        /// As asked for.
        value: String,
        /// Where it was looked for.
        method: &'static str,
        /// The values around it, and how many there are.
        available: String,
    },
    /// A band that does not exist.
    #[error("there is no band {band}: {available}")]
    NoSuchBand {
        /// As asked for, counted from 1.
        band: usize,
        /// What there is.
        available: String,
    },
}

impl DatasetError {
    /// Whether another request of the same store could succeed: the fault is
    /// the request's, not the store's.
    #[must_use]
    pub fn is_the_requests(&self) -> bool {
        match self {
            Self::NoGroup { .. }
            | Self::NoVariables { .. }
            | Self::UnknownVariable { .. }
            | Self::NotARaster { .. }
            | Self::Grammar(_)
            | Self::UnknownDimension { .. }
            | Self::UnknownMethod(_)
            | Self::TwoMethods(_)
            | Self::TwoBandDimensions { .. }
            | Self::NoTime(_)
            | Self::ManyTimes(..)
            | Self::NoneWithin { .. }
            | Self::NoSuchKind { .. }
            | Self::NoSuchValue { .. }
            | Self::NoSuchBand { .. } => true,
            Self::NotZarr
            | Self::RootIsArray
            | Self::Document { .. }
            | Self::TooLarge { .. }
            | Self::UnsupportedCodec { .. }
            | Self::UnsupportedDataType { .. }
            | Self::Curvilinear { .. }
            | Self::NoCoordinates { .. }
            | Self::BadCoordinate { .. }
            | Self::Irregular { .. }
            | Self::Transform { .. }
            | Self::Attribute { .. }
            | Self::NoCrs { .. } => false,
        }
    }
}
