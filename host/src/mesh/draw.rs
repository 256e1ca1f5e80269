//! The mesh as a picture: cores coloured by load, links by traffic.

use super::{Partition, Traffic};
use backspike_arch::{Link, MeshPort, Routes};
use std::fmt::Write;

/// Pixels of a core's side, from one core to the next, above and below all, and beside all, where the host is.
const SIDE: f64 = 96.0;
const PITCH: f64 = 160.0;
const MARGIN: f64 = 120.0;
const BESIDE: f64 = 190.0;
/// Distance of the two directions of a link from its middle.
const APART: f64 = 9.0;

/// From light to dark: none to most. `share` is 0 to 1.
fn colour(share: f64, dark: [f64; 3]) -> String {
    let light = [247.0, 247.0, 243.0];
    let mix = |c: usize| light[c] + (dark[c] - light[c]) * share.clamp(0.0, 1.0);
    format!("rgb({:.0},{:.0},{:.0})", mix(0), mix(1), mix(2))
}

const LOAD: [f64; 3] = [68.0, 119.0, 170.0];
const TRAFFIC: [f64; 3] = [187.0, 62.0, 40.0];

/// An SVG of `partition` with logical core `c` on `nodes[c]` and its traffic.
pub fn svg(
    title: &str,
    partition: &Partition,
    routes: &Routes,
    nodes: &[usize],
    traffic: &Traffic,
) -> String {
    let mesh = routes.mesh();
    let at = |node: usize| {
        let (x, y) = mesh.place(node);
        (BESIDE + x as f64 * PITCH, MARGIN + y as f64 * PITCH)
    };
    let flits =
        |router: usize, port: MeshPort| traffic.flits(Link { router, port }).iter().sum::<f64>();
    let links = (0..mesh.cores()).flat_map(|router| MeshPort::ALL.map(|port| (router, port)));
    let most = links
        .filter(|(_, port)| *port != MeshPort::Local)
        .map(|(router, port)| flits(router, port))
        .fold(f64::MIN_POSITIVE, f64::max);
    let busiest = partition.busiest().max(f64::MIN_POSITIVE);
    let host = (BESIDE - PITCH * 0.9, MARGIN);
    let mut body = String::new();
    // Writing to a String cannot fail.
    let mut arrow = |from: (f64, f64), to: (f64, f64), flits: f64| {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        // Traffic keeps to the right of its direction.
        let (ox, oy) = (-dy / length * APART, dx / length * APART);
        let share = flits / most;
        let (x1, y1, x2, y2) = (from.0 + ox, from.1 + oy, to.0 + ox, to.1 + oy);
        let _ = writeln!(
            body,
            "<line x1='{x1:.1}' y1='{y1:.1}' x2='{x2:.1}' y2='{y2:.1}' stroke='{}' stroke-width='{:.1}'><title>{flits:.0} flits a sample</title></line>",
            colour(0.12 + 0.88 * share, TRAFFIC),
            2.0 + 10.0 * share
        );
    };
    for router in 0..mesh.cores() {
        for port in [MeshPort::North, MeshPort::East, MeshPort::South, MeshPort::West] {
            let far = match (port, router) {
                (MeshPort::West, 0) => Some(host),
                _ => mesh.far_end(Link { router, port }).map(|(next, _)| at(next)),
            };
            if let Some(far) = far {
                arrow(at(router), far, flits(router, port));
            }
        }
    }
    arrow(host, at(0), traffic.from_host());
    let _ = writeln!(
        body,
        "<rect x='{:.1}' y='{:.1}' width='44' height='44' rx='6' fill='#eee' stroke='#555'/><text x='{:.1}' y='{:.1}' text-anchor='middle'>host</text>",
        host.0 - 22.0,
        host.1 - 22.0,
        host.0,
        host.1 + 5.0
    );
    for node in 0..mesh.cores() {
        let (x, y) = at(node);
        let core = nodes.iter().position(|place| *place == node);
        let plan = core.map(|core| (core, &partition.cores[core]));
        let share = plan.map_or(0.0, |(_, plan)| plan.load.busiest() / busiest);
        let _ = writeln!(
            body,
            "<rect x='{:.1}' y='{:.1}' width='{SIDE}' height='{SIDE}' rx='8' fill='{}' stroke='#333'/>",
            x - SIDE / 2.0,
            y - SIDE / 2.0,
            colour(share, LOAD)
        );
        let ink = if share > 0.55 { "#fff" } else { "#222" };
        let mut lines = Vec::new();
        match plan {
            None => lines.push("idle".to_string()),
            Some((core, plan)) => {
                lines.push(format!("core {core}"));
                lines.extend(plan.shares.iter().map(|share| {
                    let end = share.first_tile + share.tiles;
                    format!("L{} {}..{end}", share.layer, share.first_tile)
                }));
                lines.push(format!("{:.0} %", share * 100.0));
            }
        }
        let top = y - 8.0 * (lines.len() as f64 - 1.0) + 4.0;
        for (l, line) in lines.iter().enumerate() {
            let _ = writeln!(
                body,
                "<text x='{x:.1}' y='{:.1}' text-anchor='middle' fill='{ink}'>{line}</text>",
                top + 16.0 * l as f64
            );
        }
    }
    let width = (BESIDE + MARGIN + (mesh.width - 1) as f64 * PITCH).max(560.0);
    let height = 2.0 * MARGIN + (mesh.height - 1) as f64 * PITCH;
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width:.0}' height='{height:.0}' font-family='sans-serif' font-size='13'>
<rect width='100%' height='100%' fill='#fff'/>
<text x='16' y='28' font-size='16'>{title}</text>
{body}<text x='16' y='{:.0}'>cores: cycles a sample of the busiest engine, darkest {busiest:.0}; links: flits a sample, widest {most:.0}</text>
<text x='16' y='{:.0}'>L2 0..3: tiles 0 to 2 of layer 2; traffic keeps to its right</text>
</svg>
",
        height - 34.0,
        height - 14.0
    )
}
