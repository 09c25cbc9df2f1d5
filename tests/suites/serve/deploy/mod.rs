//! What `host/cli/deploy` holds: that each file is what its reader takes, that they agree with each other, and that the
//! command does what they count on.

mod files;
mod guide;
mod image;
mod kubernetes;
mod monitoring;
mod unit;
