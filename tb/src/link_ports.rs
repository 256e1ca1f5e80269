//! The ends of links between models.

use crate::{Model, Port};

/// Ports of a link into a model, and of one out of it.
pub struct LinkPorts {
    pub valid_i: Port,
    pub ready_o: Port,
    pub data_i: Port,
    pub last_i: Port,
    pub valid_o: Port,
    pub ready_i: Port,
    pub data_o: Port,
    pub last_o: Port,
}

impl LinkPorts {
    /// `inward` and `outward` tell what the model calls the ports of each link.
    pub fn new(
        model: &Model,
        inward: &dyn Fn(&str) -> String,
        outward: &dyn Fn(&str) -> String,
    ) -> Self {
        let port = |name: &dyn Fn(&str) -> String, own: &str| model.port(&name(own));
        Self {
            valid_i: port(inward, "valid_i"),
            ready_o: port(inward, "ready_o"),
            data_i: port(inward, "data_i"),
            last_i: port(inward, "last_i"),
            valid_o: port(outward, "valid_o"),
            ready_i: port(outward, "ready_i"),
            data_o: port(outward, "data_o"),
            last_o: port(outward, "last_o"),
        }
    }

    /// Of node `node` of a mesh's network.
    pub fn of_node(network: &Model, node: usize) -> Self {
        let name = |name: &str| format!("{name}_{node}");
        Self::new(network, &name, &name)
    }
}
