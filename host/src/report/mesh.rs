//! What the cores and links of a mesh did.

use crate::mesh::MeshProgram;
use crate::train::Totals;
use backspike_arch::{Counter, DeviceError, Link, Mesh, MeshPort};
use serde_json::{Value, json};
use std::fmt::Write;

/// Links that the report lists: the busiest.
const LISTED: usize = 8;

/// Each core's engines in cycles, and the busiest links in flits. `cores` is by logical core; `clocked` if its cycles and waits are those of
/// hardware, or of its model: an emulated mesh has no clock that its cores share unless it is asked for.
pub fn mesh_report(
    program: &MeshProgram,
    cores: &[Totals],
    links: &[(Link, u64)],
    clocked: bool,
) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut text, program, cores, links);
    if clocked {
        let _ = write_time(&mut text, cores);
    }
    text
}

/// Where the busiest core's cycles went.
fn write_time(text: &mut String, cores: &[Totals]) -> std::fmt::Result {
    let Some((c, core)) = cores.iter().enumerate().max_by_key(|(_, core)| core.busiest()) else {
        return Ok(());
    };
    let cycles = core[Counter::Cycles];
    writeln!(text, "\n{cycles} cycles; of the busiest core, {c}:")?;
    let engines = [
        ("FP", core[Counter::FpBusy], core[Counter::FpWait]),
        ("BP", core[Counter::BpBusy], core[Counter::BpWait]),
        ("WG", core[Counter::WgBusy] + core[Counter::WgUpdateBusy], core[Counter::WgWait]),
    ];
    for (name, busy, wait) in engines {
        let share = |part: u64| 100.0 * part as f64 / cycles.max(1) as f64;
        writeln!(
            text,
            "{name}   busy {:>5.1} %, waiting for tokens {:>5.1} %, without an instruction {:>5.1} %",
            share(busy),
            share(wait),
            share(cycles.saturating_sub(busy + wait))
        )?;
    }
    Ok(())
}

fn write(
    text: &mut String,
    program: &MeshProgram,
    cores: &[Totals],
    links: &[(Link, u64)],
) -> std::fmt::Result {
    let busiest = cores.iter().map(Totals::busiest).max().unwrap_or(0).max(1);
    writeln!(
        text,
        "\ncore  node           FP           BP           WG       update         IO words  load  slices"
    )?;
    for ((c, totals), (core, node)) in
        cores.iter().enumerate().zip(program.cores.iter().zip(&program.nodes))
    {
        let slices: Vec<String> =
            core.slices.iter().map(|slice| slice.holding.share.to_string()).collect();
        writeln!(
            text,
            "{c:<4} {node:>5} {:>12} {:>12} {:>12} {:>12} {:>16} {:>3.0} %  {}",
            totals[Counter::FpBusy],
            totals[Counter::BpBusy],
            totals[Counter::WgBusy],
            totals[Counter::WgUpdateBusy],
            totals[Counter::IoWords],
            100.0 * totals.busiest() as f64 / busiest as f64,
            slices.join(", ")
        )?;
    }
    let mut links = links.to_vec();
    links.sort_by_key(|(link, flits)| (std::cmp::Reverse(*flits), *link));
    writeln!(text, "\nbusiest links: router and port, flits since the start")?;
    for (Link { router, port }, flits) in links.iter().take(LISTED) {
        writeln!(text, "{router:>4} {:<6} {flits:>14}", format!("{port:?}").to_lowercase())?;
    }
    Ok(())
}

/// Flits of every link of `mesh`, which `program` runs on, that carried any.
///
/// # Errors
/// When the device does not answer.
pub fn link_flits(program: &MeshProgram, mesh: &dyn Mesh) -> Result<Vec<(Link, u64)>, DeviceError> {
    let routers = 0..program.mesh.cores();
    let links =
        routers.flat_map(|router| MeshPort::ALL.into_iter().map(move |port| Link { router, port }));
    let counted = links.map(|link| Ok((link, mesh.flits(link)?)));
    counted.filter(|counted| !matches!(counted, Ok((_, 0)))).collect()
}

/// The same for programs.
pub fn mesh_record(program: &MeshProgram, cores: &[Totals], links: &[(Link, u64)]) -> Value {
    let counters = |totals: &Totals| -> serde_json::Map<String, Value> {
        Counter::ALL.iter().map(|c| (c.key(), totals[*c].into())).collect()
    };
    let cores =
        cores.iter().zip(&program.nodes).zip(&program.cores).map(|((totals, node), core)| {
            let slices: Vec<_> = core.slices.iter().map(|slice| slice.holding.share).collect();
            json!({"node": node, "slices": slices, "counters": counters(totals)})
        });
    let links = links.iter().map(|(link, flits)| {
        json!({"router": link.router, "port": format!("{:?}", link.port).to_lowercase(), "flits": flits})
    });
    json!({
        "kind": "mesh",
        "width": program.mesh.width,
        "height": program.mesh.height,
        "cores": cores.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
    })
}
