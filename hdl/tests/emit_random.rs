//! Every operator on random operands: the Rust simulation and the Verilog agree.

mod emit_support;

use backspike_hdl::prim::module_name;
use emit_support::{design, icarus, lint, rng, settle};
use rust_hdl::prelude::*;

/// Steps per block.
const STEPS: usize = 300;

/// Compares a combinational block with its Verilog.
macro_rules! compare {
    ($uut:expr, [$($input:ident),+], [$($output:ident),+]) => {{
        let mut rng = rng();
        let design = design($uut);
        lint(&design);
        let mut uut = $uut;
        uut.connect_all();
        let mut rows = Vec::new();
        let mut expected = Vec::new();
        for _ in 0..STEPS {
            rows.push(drive!(rng, uut, $($input),+));
            settle(&mut uut);
            expected.push(observe!(uut, $($output),+));
        }
        let (inputs, outputs) = (ports!(uut, $($input),+), ports!(uut, $($output),+));
        let found = icarus(&design, &inputs, &outputs, &rows, false);
        for ((row, expected), found) in rows.iter().zip(&expected).zip(&found) {
            assert_eq!(expected, found, "inputs {row:?} of\n{}", design.to_single_file());
        }
    }};
}

/// Operators at one width.
#[derive(LogicBlock, Default)]
struct Operators<const N: usize> {
    pub a_i: Signal<In, Bits<N>>,
    pub b_i: Signal<In, Bits<N>>,
    pub shift_i: Signal<In, Bits<8>>,
    pub bit_i: Signal<In, Bit>,
    pub sum_o: Signal<Out, Bits<N>>,
    pub difference_o: Signal<Out, Bits<N>>,
    pub mixed_o: Signal<Out, Bits<N>>,
    pub bitwise_o: Signal<Out, Bits<N>>,
    pub left_o: Signal<Out, Bits<N>>,
    pub right_o: Signal<Out, Bits<N>>,
    pub fixed_shifts_o: Signal<Out, Bits<N>>,
    pub precedence_o: Signal<Out, Bits<N>>,
    pub carry_o: Signal<Out, Bits<N>>,
    pub literals_o: Signal<Out, Bits<N>>,
    pub compares_o: Signal<Out, Bits<10>>,
    pub reductions_o: Signal<Out, Bits<9>>,
    pub wide_o: Signal<Out, Bits<150>>,
    pub narrow_o: Signal<Out, Bits<3>>,
    pub narrow_sum_o: Signal<Out, Bits<3>>,
    pub narrow_bitwise_o: Signal<Out, Bits<3>>,
    pub middle_o: Signal<Out, Bits<2>>,
    pub above_o: Signal<Out, Bits<5>>,
    pub replaced_o: Signal<Out, Bits<N>>,
    pub select_o: Signal<Out, Bits<N>>,
    flags: Vec<Signal<Local, Bit>>,
    inverted: Signal<Local, Bits<N>>,
}

impl<const N: usize> Operators<N> {
    fn new() -> Self {
        Self { flags: (0..4).map(|_| Signal::default()).collect(), ..Default::default() }
    }
}

#[allow(
    clippy::precedence,
    clippy::nonminimal_bool,
    reason = "precedence and negation are under test"
)]
impl<const N: usize> Logic for Operators<N> {
    #[hdl_gen]
    fn update(&mut self) {
        self.sum_o.next = self.a_i.val() + self.b_i.val();
        self.difference_o.next = self.a_i.val() - self.b_i.val();
        self.mixed_o.next = (self.a_i.val() + self.b_i.val()) >> 1;
        self.bitwise_o.next =
            (self.a_i.val() & self.b_i.val()) ^ !(self.a_i.val() | (self.b_i.val() << 1));
        self.left_o.next = self.a_i.val() << self.shift_i.val();
        self.right_o.next = self.a_i.val() >> self.shift_i.val();
        self.fixed_shifts_o.next = (self.a_i.val() << 3) + (self.b_i.val() >> 2);
        self.precedence_o.next = self.a_i.val() >> 1 + 1 - (self.shift_i.val() & 3);
        self.carry_o.next = self.a_i.val() + self.bit_i.val();
        self.literals_o.next = (7 - self.a_i.val()) + 1 + (self.b_i.val() & 6);
        self.compares_o.next = bits::<10>(0)
            .replace_bit(0, self.a_i.val() == self.b_i.val())
            .replace_bit(1, self.a_i.val() != self.b_i.val())
            .replace_bit(2, self.a_i.val() < self.b_i.val())
            .replace_bit(3, self.a_i.val() <= self.b_i.val())
            .replace_bit(4, self.a_i.val() > self.b_i.val())
            .replace_bit(5, self.a_i.val() >= self.b_i.val())
            .replace_bit(6, self.a_i.val() >= 0)
            .replace_bit(7, (self.a_i.val() + self.b_i.val()) > self.a_i.val())
            .replace_bit(8, self.a_i.val() == bits::<N>(5))
            .replace_bit(9, (self.a_i.val() > 4) && !(self.b_i.val() < 3) || self.bit_i.val());
        self.flags[0].next = self.a_i.val().any() & !self.b_i.val().all();
        self.flags[1].next = (self.a_i.val() ^ self.b_i.val()).xor() | self.bit_i.val();
        self.flags[2].next = (self.a_i.val() + self.b_i.val()).all();
        self.flags[3].next = (self.a_i.val() - self.b_i.val()).any() ^ self.bit_i.val();
        self.reductions_o.next = bits::<9>(0x1F0);
        for i in 0..4 {
            self.reductions_o.next = self.reductions_o.val().replace_bit(i, self.flags[i].val());
            self.reductions_o.next =
                self.reductions_o.val().replace_bit(2 * i + 1, self.flags[3 - i].val());
        }
        self.wide_o.next = bit_cast::<150, N>(self.a_i.val() + self.b_i.val()) << 10;
        self.narrow_o.next = bit_cast::<3, N>(self.a_i.val());
        self.narrow_sum_o.next =
            bit_cast::<3, N>((self.a_i.val() - self.b_i.val()) + (self.a_i.val() << 1));
        self.narrow_bitwise_o.next = bit_cast::<3, N>(!(self.a_i.val() & self.b_i.val()));
        self.middle_o.next = self.a_i.val().get_bits::<2>(1);
        self.above_o.next = self.a_i.val().get_bits::<5>(2);
        self.replaced_o.next = self.a_i.val().replace_bit(1, self.bit_i.val());
        self.inverted.next = !self.a_i.val();
        if self.a_i.val().get_bit(0) {
            self.select_o.next = self.inverted.val();
        } else if self.b_i.val() > self.a_i.val() {
            self.select_o.next = self.a_i.val();
            if self.bit_i.val() {
                self.select_o.next = self.select_o.val() + 1;
            }
        } else {
            self.select_o.next = self.b_i.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("Operators", &[("n", N)])
    }
}

macro_rules! operators_at {
    ($($name:ident $width:literal),+) => {$(
        #[test]
        fn $name() {
            compare!(
                Operators::<$width>::new(),
                [a_i, b_i, shift_i, bit_i],
                [
                    sum_o, difference_o, mixed_o, bitwise_o, left_o, right_o, fixed_shifts_o,
                    precedence_o, carry_o, literals_o, compares_o, reductions_o, wide_o, narrow_o,
                    narrow_sum_o, narrow_bitwise_o, middle_o, above_o, replaced_o, select_o
                ]
            );
        }
    )+};
}

operators_at!(
    operators_agree_at_4_bits 4,
    operators_agree_at_16_bits 16,
    operators_agree_at_32_bits 32,
    operators_agree_at_33_bits 33,
    operators_agree_at_64_bits 64,
    operators_agree_at_100_bits 100
);

#[derive(Copy, Clone, PartialEq, Debug, LogicState)]
enum Mode {
    Hold,
    Left,
    Right,
}

/// What needs fixed widths: dynamic indices, products, matches and reused locals.
#[derive(LogicBlock)]
struct Selections {
    pub word_i: Signal<In, Bits<32>>,
    pub index_i: Signal<In, Bits<5>>,
    pub far_i: Signal<In, Bits<9>>,
    pub a_i: Signal<In, Bits<11>>,
    pub b_i: Signal<In, Bits<11>>,
    pub bit_o: Signal<Out, Bit>,
    pub nibble_o: Signal<Out, Bits<4>>,
    pub grown_o: Signal<Out, Bits<4>>,
    pub sum_bits_o: Signal<Out, Bits<4>>,
    pub product_o: Signal<Out, Bits<32>>,
    pub low_product_o: Signal<Out, Bits<22>>,
    pub mask_o: Signal<Out, Bits<32>>,
    pub put_o: Signal<Out, Bits<32>>,
    pub code_o: Signal<Out, Bits<3>>,
    pub moved_o: Signal<Out, Bits<11>>,
    pub first_o: Signal<Out, Bits<5>>,
    pub rank_o: Signal<Out, Bits<6>>,
    limit: Constant<Bits<11>>,
    mode: Signal<Local, Mode>,
    found: Signal<Local, Bit>,
    here: Signal<Local, Bits<5>>,
    count: Signal<Local, Bits<6>>,
    _bits: usize,
}

impl Default for Selections {
    fn default() -> Self {
        Self {
            word_i: Default::default(),
            index_i: Default::default(),
            far_i: Default::default(),
            a_i: Default::default(),
            b_i: Default::default(),
            bit_o: Default::default(),
            nibble_o: Default::default(),
            grown_o: Default::default(),
            sum_bits_o: Default::default(),
            product_o: Default::default(),
            low_product_o: Default::default(),
            mask_o: Default::default(),
            put_o: Default::default(),
            code_o: Default::default(),
            moved_o: Default::default(),
            first_o: Default::default(),
            rank_o: Default::default(),
            limit: Constant::new(bits(0x155)),
            mode: Default::default(),
            found: Default::default(),
            here: Default::default(),
            count: Default::default(),
            _bits: 32,
        }
    }
}

impl Logic for Selections {
    #[hdl_gen]
    fn update(&mut self) {
        self.bit_o.next = self.word_i.val().get_bit(self.index_i.val().index());
        self.nibble_o.next = self.word_i.val().get_bits::<4>(self.index_i.val().index());
        self.grown_o.next = self.a_i.val().get_bits::<4>(self.far_i.val().get_bits::<3>(6).index());
        self.sum_bits_o.next = (self.a_i.val() + self.b_i.val())
            .get_bits::<4>(self.far_i.val().get_bits::<3>(0).index());
        self.product_o.next = self.a_i.val().get_bits::<16>(0) * bit_cast::<16, 11>(self.b_i.val());
        self.low_product_o.next = bit_cast::<22, 32>(
            bit_cast::<16, 11>(self.a_i.val()) * bit_cast::<16, 11>(self.b_i.val()),
        );
        self.mask_o.next = self.word_i.val() & !(bits::<32>(15) << self.index_i.val());
        self.put_o.next =
            self.word_i.val().replace_bit(self.index_i.val().index(), self.a_i.val().get_bit(3));
        match self.a_i.val().get_bits::<2>(0).index() {
            0 => {
                self.mode.next = Mode::Hold;
            }
            1 => {
                self.mode.next = Mode::Left;
            }
            _ => {
                self.mode.next = Mode::Right;
            }
        }
        self.code_o.next = bits::<3>(0);
        match self.mode.val() {
            Mode::Hold => {
                self.moved_o.next = self.b_i.val() ^ self.limit.val();
                self.code_o.next = bits::<3>(5);
            }
            Mode::Left => {
                self.moved_o.next = self.b_i.val() << 1;
            }
            Mode::Right => {
                self.moved_o.next = self.b_i.val() >> 1;
                self.code_o.next = bits::<3>(1);
            }
        }
        self.found.next = false;
        self.first_o.next = bits::<5>(0);
        self.count.next = bits::<6>(0);
        for i in 0..self._bits {
            self.here.next = i.to_bits();
            if !self.found.val() & self.word_i.val().get_bit(i) {
                self.found.next = true;
                self.first_o.next = self.here.val();
            }
            if self.word_i.val().get_bit(i) && (self.here.val() < self.index_i.val()) {
                self.count.next = self.count.val() + 1;
            }
        }
        self.rank_o.next = self.count.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("Selections", &[])
    }
}

#[test]
fn selections_agree() {
    compare!(
        Selections::default(),
        [word_i, index_i, far_i, a_i, b_i],
        [
            bit_o,
            nibble_o,
            grown_o,
            sum_bits_o,
            product_o,
            low_product_o,
            mask_o,
            put_o,
            code_o,
            moved_o,
            first_o,
            rank_o
        ]
    );
}
