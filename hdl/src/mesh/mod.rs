//! A device with several cores: packets of flits between routers on a grid, cores and host at their ends.
//!
//! ```text
//!  link in --> buffer --> which ports?  --+--> turns of the inputs --> link out       x 5 x 5
//!                ^                        |
//!                +---- once more, for ----+
//!                      the next port
//! ```
//!
//! Why it cannot deadlock is told in `docs/architecture/mesh.md`.

mod device;
mod eject;
mod ends;
mod inject;
mod input_port;
mod network;
mod output_port;
mod pack;
mod packet_buffer;
mod router;
mod tile;
mod unpack;

pub use device::{MESH_TOP, MeshDevice, mesh_design, tile_design};
pub use eject::Eject;
pub use ends::{FlitsToWords, ItemsToFlits};
pub use inject::Inject;
pub use input_port::InputPort;
pub use network::{Network, network_design};
pub use output_port::OutputPort;
pub use pack::Pack;
pub use packet_buffer::PacketBuffer;
pub use router::Router;
pub use tile::Tile;
pub use unpack::Unpack;
