//! What attributes mean by the Climate and Forecast conventions (CF 1.11) and
//! the `NetCDF` Users' Guide, as xarray reads them.

pub mod axis;
pub mod calendar;
pub mod flags;
pub mod packing;
pub mod projection;
pub mod role;
pub mod time;
pub(super) mod value;

pub use axis::Regular;
pub use calendar::Calendar;
pub use flags::Flag;
pub use packing::{Packing, Valid};
pub use role::Role;
pub use time::TimeAxis;
