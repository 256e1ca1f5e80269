//! A literal interpreter of `docs/architecture/machine.md`: every loop as the page has it, one lane, step and row at a time, with
//! the arithmetic of `backspike_arch::num`. Instructions run when they are issued, tokens are ignored: the programs of these
//! tests issue in an order that satisfies every token.

use backspike_arch::num::{
    F16, Fixed, Gradient, Q24, Q30, UpdateShifts, accumulate_gradient, align_error, align_weight,
    backward_step, coordinate_hash, neuron_step, optimizer_step, product_q30, sat40,
};
use backspike_arch::{
    ArchConfig, BpDescriptor, Counter, Descriptor, Device, DeviceError, Engine, FpDescriptor,
    HostAddress, Instruction, IoDescriptor, PushWord, Region, Register, WgDescriptor,
};
use std::collections::VecDeque;
use std::ops::Range;

const B: usize = 4;

pub struct Reference {
    config: ArchConfig,
    tables: [Vec<[u32; 13]>; 4],
    imm: [u32; 4],
    /// Memories in rows of lanes.
    weight: Vec<F16>,
    state: Vec<F16>,
    gradient: Vec<Gradient>,
    spike: Vec<u128>,
    trace: [Vec<u128>; 3],
    nonzero: Vec<u8>,
    error: Vec<F16>,
    membrane: Vec<i32>,
    counters: [u32; Counter::COUNT],
    pushed: VecDeque<PushWord>,
}

fn pair(low: F16, high: F16) -> u32 {
    u32::from(low.0) | u32::from(high.0) << 16
}

impl Reference {
    pub fn new(config: &ArchConfig) -> Self {
        let rows = config.weight_rows() * config.lanes;
        let planes = config.slots * config.plane_words();
        let errors = Region::Error.rows(config) * config.lanes;
        Self {
            config: config.clone(),
            tables: std::array::from_fn(|_| vec![[0; 13]; config.slices]),
            imm: [0; 4],
            weight: vec![F16::ZERO; rows],
            state: vec![F16::ZERO; rows],
            gradient: vec![Gradient(0); rows],
            spike: vec![0; planes],
            trace: std::array::from_fn(|_| vec![0; planes]),
            nonzero: vec![0; planes],
            error: vec![F16::ZERO; errors],
            membrane: vec![0; Region::Membrane.rows(config) * config.lanes],
            counters: [0; Counter::COUNT],
            pushed: VecDeque::new(),
        }
    }

    fn count(&mut self, counter: Counter) {
        self.counters[counter.index()] = self.counters[counter.index()].wrapping_add(1);
    }

    fn descriptor<D: Descriptor>(&self, slice: u8) -> D {
        D::decode(&self.tables[D::ENGINE as usize][usize::from(slice)]).expect("a descriptor")
    }

    fn execute(&mut self, instruction: Instruction) {
        match instruction {
            Instruction::Wait { .. } | Instruction::Post { .. } => {}
            Instruction::Forward { slice, slot } => self.forward(slice, slot.into()),
            Instruction::NeuronBack { slice, slot } => self.backward(slice, slot.into(), false),
            Instruction::Backprop { slice, slot } => self.backward(slice, slot.into(), true),
            Instruction::Accumulate { slice, slot, further } => {
                let (first, further) = (usize::from(slot), usize::from(further));
                self.accumulate(slice, first..first + further + 1);
            }
            Instruction::Update { slice, rate_shift, scale_shift, key } => {
                self.update(slice, UpdateShifts { rate: rate_shift, gradient: scale_shift }, key);
            }
            Instruction::Clear { slice } => self.clear(slice),
            Instruction::Push { slice, slot } => self.push(slice, slot.into()),
        }
    }

    fn forward(&mut self, slice: u8, slot: usize) {
        let d: FpDescriptor = self.descriptor(slice);
        let lanes = self.config.lanes;
        let neuron = d.neuron.forward(d.theta, [d.width1, d.width2, d.width3]);
        let (steps, blocks) = (usize::from(d.shape.steps), usize::from(d.shape.blocks));
        for o in 0..d.tiles as usize {
            let valid = if o + 1 == d.tiles as usize { d.shape.last_lanes.into() } else { lanes };
            let mut u = vec![Fixed::<i32, 24>(0); lanes];
            let mut s = vec![false; lanes];
            for b in 0..blocks {
                let mut sums = vec![[0i128; B]; lanes];
                for w in 0..d.in_words as usize {
                    let offset = d.in_plane_base as usize + b * d.in_words as usize + w;
                    let word = self.spike[self.config.plane_row(slot, offset)];
                    self.count(Counter::FpWords);
                    if word == 0 {
                        self.count(Counter::FpZeroWords);
                    }
                    for lane in 0..lanes {
                        let mask = (word >> (lane * B)) & 0xf;
                        if mask == 0 {
                            continue;
                        }
                        self.count(Counter::FpVisits);
                        let j = w * lanes + lane;
                        let row = d.weight_base as usize + o * d.fan_in as usize + j;
                        for t in (0..B).filter(|t| mask >> t & 1 == 1) {
                            self.count(Counter::FpEvents);
                            for (to, sums) in sums.iter_mut().enumerate() {
                                let w: Q24 = align_weight(self.weight[row * lanes + to]);
                                sums[t] += i128::from(w.0);
                            }
                        }
                    }
                }
                let mut planes = [0u128; 3];
                let q = b * d.tiles as usize + o;
                for t in b * B..steps.min(b * B + B) {
                    for lane in 0..lanes {
                        let wrapped = (sums[lane][t % B] << 88 >> 88) as i64; // 40 bit
                        let step = neuron_step(&neuron, u[lane], s[lane], Fixed(wrapped));
                        u[lane] = step.u;
                        s[lane] = step.spike && lane < valid;
                        let code = if lane < valid { step.code } else { 0 };
                        let bit = lane * B + t % B;
                        planes[0] |= u128::from(s[lane]) << bit;
                        planes[1] |= u128::from(code & 1) << bit;
                        planes[2] |= u128::from(code >> 1) << bit;
                        if neuron.readout {
                            let offset = d.membrane_base as usize + q;
                            let row = self.config.membrane_row(slot, offset, t % B);
                            self.membrane[row * lanes + lane] = step.u.0;
                        }
                    }
                    if neuron.readout {
                        self.count(Counter::FpMembraneWords);
                    }
                }
                let row = self.config.plane_row(slot, d.out_plane_base as usize + q);
                self.spike[row] = planes[0];
                for (trace, plane) in self.trace.iter_mut().zip(planes) {
                    trace[row] = plane;
                }
                self.count(Counter::FpTileBlocks);
            }
        }
    }

    fn backward(&mut self, slice: u8, slot: usize, propagate: bool) {
        let d: BpDescriptor = self.descriptor(slice);
        let lanes = self.config.lanes;
        let neuron = d.neuron.backward(self.config.error_max_exp as u8);
        let (steps, blocks) = (usize::from(d.shape.steps), usize::from(d.shape.blocks));
        for tile in 0..d.in_words as usize {
            let mut v = vec![Fixed::<i64, 30>(0); lanes];
            for b in (0..blocks).rev() {
                let q = b * d.in_words as usize + tile;
                let word = self.config.plane_row(slot, d.in_plane_base as usize + q);
                let trace: [u128; 3] = std::array::from_fn(|i| self.trace[i][word]);
                let times = b * B..steps.min(b * B + B);
                self.count(Counter::BpWords);
                let e = if propagate {
                    self.products(&d, slot, tile, b, trace)
                } else {
                    let mut e = vec![[0i64; B]; lanes];
                    for t in times.clone() {
                        let offset = d.in_error_base as usize + q;
                        let row = self.config.error_row(slot, offset, t % B);
                        self.count(Counter::BpErrorReads);
                        for (lane, e) in e.iter_mut().enumerate() {
                            e[t % B] =
                                i64::from(align_error(self.error[row * lanes + lane]).0) << 6;
                        }
                    }
                    e
                };
                let mut nonzero = 0;
                for t in times.rev() {
                    let offset = d.in_error_base as usize + q;
                    let row = self.config.error_row(slot, offset, t % B);
                    for lane in 0..lanes {
                        let bit = |plane: u128| (plane >> (lane * B + t % B) & 1) as u8;
                        let [s, code0, code1] = trace.map(bit);
                        let code = code0 | code1 << 1;
                        let sum: Q30 = Fixed(e[lane][t % B]);
                        let step = backward_step(&neuron, v[lane], sum, code, s == 1);
                        v[lane] = step.v;
                        if step.saturated {
                            self.count(Counter::BpSaturations);
                        }
                        nonzero |= u8::from(step.nonzero()) << (t % B);
                        self.error[row * lanes + lane] = step.d;
                    }
                    self.count(Counter::BpErrorWrites);
                }
                self.nonzero[word] = nonzero;
            }
        }
    }

    /// e(t) of one tile and block for BACKPROP, `[lane][step]`.
    fn products(
        &mut self,
        d: &BpDescriptor,
        slot: usize,
        tile: usize,
        b: usize,
        trace: [u128; 3],
    ) -> Vec<[i64; B]> {
        let lanes = self.config.lanes;
        let mut e = vec![[0i64; B]; lanes];
        for (lane, e) in e.iter_mut().enumerate() {
            let mask = ((trace[1] | trace[2]) >> (lane * B) & 0xf) as u8;
            if mask == 0 {
                continue;
            }
            let j = tile * lanes + lane;
            let mut sums = [0i128; B];
            for o in 0..d.tiles as usize {
                let q = b * d.tiles as usize + o;
                let word = self.config.plane_row(slot, d.out_plane_base as usize + q);
                let common = mask & self.nonzero[word];
                if common == 0 {
                    self.count(Counter::BpSkipped);
                    continue;
                }
                self.count(Counter::BpVisits);
                let weight = d.weight_base as usize + o * d.fan_in as usize + j;
                for t in (0..B).filter(|t| common >> t & 1 == 1) {
                    self.count(Counter::BpEvents);
                    self.count(Counter::BpErrorReads);
                    let row = self.config.error_row(slot, d.out_error_base as usize + q, t);
                    for lane in 0..lanes {
                        let (w, d) =
                            (self.weight[weight * lanes + lane], self.error[row * lanes + lane]);
                        sums[t] += i128::from(product_q30(w, d));
                    }
                }
            }
            *e = sums.map(|sum| sat40((sum << 78 >> 78) as i64)); // 50 bit
        }
        e
    }

    fn accumulate(&mut self, slice: u8, slots: Range<usize>) {
        let d: WgDescriptor = self.descriptor(slice);
        let lanes = self.config.lanes;
        let (steps, blocks) = (usize::from(d.shape.steps), usize::from(d.shape.blocks));
        for o in 0..d.tiles as usize {
            for b in 0..blocks {
                let q = b * d.tiles as usize + o;
                let plane = |slot| self.config.plane_row(slot, d.out_plane_base as usize + q);
                let nonzero: Vec<u8> =
                    slots.clone().map(|slot| self.nonzero[plane(slot)]).collect();
                if nonzero.iter().all(|&steps| steps == 0) {
                    self.count(Counter::WgSkipped);
                    continue;
                }
                for _ in 0..slots.len() * (steps.min(b * B + B) - b * B) {
                    self.count(Counter::WgErrorReads);
                }
                for w in 0..d.in_words as usize {
                    let mut visited = vec![false; lanes];
                    for (slot, nonzero) in slots.clone().zip(&nonzero) {
                        let offset = d.in_plane_base as usize + b * d.in_words as usize + w;
                        let word = self.spike[self.config.plane_row(slot, offset)];
                        self.count(Counter::WgWords);
                        if word == 0 {
                            self.count(Counter::WgZeroWords);
                        }
                        for (lane, visited) in visited.iter_mut().enumerate() {
                            let mask = (word >> (lane * B) & 0xf) as u8 & nonzero;
                            *visited |= mask != 0;
                            let j = w * lanes + lane;
                            let row = d.weight_base as usize + o * d.fan_in as usize + j;
                            for t in (0..B).filter(|t| mask >> t & 1 == 1) {
                                self.count(Counter::WgEvents);
                                let q = d.error_base as usize + q;
                                let error = self.config.error_row(slot, q, t);
                                for to in 0..lanes {
                                    accumulate_gradient(
                                        &mut self.gradient[row * lanes + to],
                                        self.error[error * lanes + to],
                                        d.optimizer.gradient_shift,
                                    );
                                }
                            }
                        }
                    }
                    // A row is read and written once for all slots.
                    for _ in visited.into_iter().filter(|visited| *visited) {
                        self.count(Counter::WgVisits);
                    }
                }
            }
        }
    }

    fn update(&mut self, slice: u8, shifts: UpdateShifts, key: u32) {
        let d: WgDescriptor = self.descriptor(slice);
        let lanes = self.config.lanes;
        for o in 0..d.tiles as usize {
            for j in 0..d.fan_in as usize {
                let row = d.weight_base as usize + o * d.fan_in as usize + j;
                for lane in 0..lanes {
                    let at = row * lanes + lane;
                    let input = (j as u16).wrapping_add(d.coordinates.in_base);
                    let output = ((o * lanes + lane) as u16).wrapping_add(d.coordinates.out_base);
                    let r = coordinate_hash(key, input, output);
                    let (w, m) = optimizer_step(
                        &d.optimizer.into(),
                        shifts,
                        self.weight[at],
                        self.state[at],
                        self.gradient[at],
                        r,
                    );
                    (self.weight[at], self.state[at], self.gradient[at]) = (w, m, Gradient(0));
                }
                self.count(Counter::WgUpdateRows);
            }
        }
    }

    fn clear(&mut self, slice: u8) {
        let d: WgDescriptor = self.descriptor(slice);
        let lanes = self.config.lanes;
        for row in 0..(d.tiles * d.fan_in) as usize {
            for at in
                (d.weight_base as usize + row) * lanes..(d.weight_base as usize + row + 1) * lanes
            {
                (self.state[at], self.gradient[at]) = (F16::ZERO, Gradient(0));
            }
            self.count(Counter::WgUpdateRows);
        }
    }

    fn push(&mut self, slice: u8, slot: usize) {
        let d: IoDescriptor = self.descriptor(slice);
        let base = slot * d.region.slot_rows(&self.config) + d.base as usize;
        for row in base..base + d.rows as usize {
            let words: Vec<u32> =
                (0..d.region.subs(&self.config)).map(|sub| self.read(d.region, row, sub)).collect();
            for (sub, data) in words.into_iter().enumerate() {
                let addr = HostAddress::new(d.region, row as u32, sub as u8);
                self.pushed.push_back(PushWord { addr, data, last: false });
                self.count(Counter::IoWords);
            }
        }
        if let Some(word) = self.pushed.back_mut() {
            word.last = d.rows > 0 || word.last;
        }
    }

    fn read(&self, region: Region, row: usize, sub: usize) -> u32 {
        let lanes = self.config.lanes;
        let half =
            |memory: &[F16]| pair(memory[row * lanes + 2 * sub], memory[row * lanes + 2 * sub + 1]);
        let plane = |plane: &[u128], sub: usize| (plane[row] >> (32 * sub)) as u32;
        match region {
            Region::Weight => half(&self.weight),
            Region::State => half(&self.state),
            Region::Error => half(&self.error),
            Region::Gradient => self.gradient[row * lanes + sub].0 as u32,
            Region::Membrane => self.membrane[row * lanes + sub] as u32,
            Region::Spike => plane(&self.spike, sub),
            Region::Trace => {
                let subs = Region::Spike.subs(&self.config);
                plane(&self.trace[sub / subs], sub % subs)
            }
            Region::Nonzero => self.nonzero[row].into(),
            Region::Register => match Register::from_index(row) {
                Some(Register::Counter(counter)) => self.counters[counter.index()],
                Some(register) => register.identity(&self.config).unwrap_or(0),
                None => 0,
            },
            Region::Queue | Region::Descriptor | Region::Token => 0,
        }
    }

    fn write_word(&mut self, at: HostAddress, data: u32) {
        let (row, sub, lanes) = (at.row as usize, usize::from(at.sub), self.config.lanes);
        let halves = [F16(data as u16), F16((data >> 16) as u16)];
        let lane = row * lanes + 2 * sub;
        match at.region {
            Region::Queue if row == 0 && sub % 2 == 1 => self.imm[sub / 2] = data,
            Region::Queue => {
                let queue = if row == 0 { sub / 2 } else { row - 1 };
                let engine = Engine::from_code(queue as u8).expect("a queue");
                let words = [data, self.imm[queue]];
                self.execute(Instruction::decode(engine, words).expect("an instruction"));
            }
            Region::Descriptor => self.tables[row >> 8][row & 0xff][sub] = data,
            Region::Weight => self.weight[lane..lane + 2].copy_from_slice(&halves),
            Region::State => self.state[lane..lane + 2].copy_from_slice(&halves),
            Region::Error => self.error[lane..lane + 2].copy_from_slice(&halves),
            Region::Spike => {
                let keep = !(0xffff_ffffu128 << (32 * sub));
                self.spike[row] = self.spike[row] & keep | u128::from(data) << (32 * sub);
            }
            _ => panic!("{at:?} cannot be written"),
        }
    }
}

impl Device for Reference {
    fn config(&self) -> &ArchConfig {
        &self.config
    }

    fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        at.check_write(data.len(), &self.config)?;
        let mut at = at;
        for &word in data {
            self.count(Counter::HostWrites);
            self.write_word(at, word);
            at = at.next(&self.config);
        }
        Ok(())
    }

    fn receive(&mut self, words: usize, out: &mut Vec<PushWord>) -> Result<(), DeviceError> {
        assert!(self.pushed.len() >= words, "{words} words awaited");
        out.extend(self.pushed.drain(..words));
        Ok(())
    }
}
