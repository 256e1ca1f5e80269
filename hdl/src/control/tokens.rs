use crate::prim::{ClockGate, Reg, module_name};
use rust_hdl::prelude::*;

/// The token counters through which the engines wait for each other, and for other cores: 8 bits each, which wrap.
///
/// Posts of all four engines and of the host port may come in one cycle, also to one counter. A counter gives at most one
/// token a cycle, to the engine with the lowest number among those that take from it.
#[derive(LogicBlock)]
pub struct Tokens {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // One bit per engine (FP 0, BP 1, WG 2, IO 3), for posts one more for the host port, and the counter each means, modulo
    // those there are. 7 bits name the most that there may be.
    pub post_i: Signal<In, Bits<5>>,
    pub take_i: Signal<In, Bits<4>>,
    pub token0_i: Signal<In, Bits<7>>,
    pub token1_i: Signal<In, Bits<7>>,
    pub token2_i: Signal<In, Bits<7>>,
    pub token3_i: Signal<In, Bits<7>>,
    pub token4_i: Signal<In, Bits<7>>,
    /// The engine's take is done in this cycle.
    pub grant_o: Signal<Out, Bits<4>>,
    counter: Vec<Reg<Bits<8>>>,
    gate: ClockGate,
    /// Which counters have tokens.
    filled: Signal<Local, Bits<128>>,
    at0: Signal<Local, Bits<7>>,
    at1: Signal<Local, Bits<7>>,
    at2: Signal<Local, Bits<7>>,
    at3: Signal<Local, Bits<7>>,
    at4: Signal<Local, Bits<7>>,
    grant0: Signal<Local, Bit>,
    grant1: Signal<Local, Bit>,
    grant2: Signal<Local, Bit>,
    grant3: Signal<Local, Bit>,
    /// A token comes or goes.
    moves: Signal<Local, Bit>,
    here: Signal<Local, Bits<7>>,
    mine: Signal<Local, Bits<5>>,
    posts: Signal<Local, Bits<5>>,
    given: Signal<Local, Bits<4>>,
    grant: Signal<Local, Bits<4>>,
    mask: Constant<Bits<7>>,
    _tokens: usize,
}

impl Tokens {
    /// `tokens` counters, a power of two.
    pub fn new(tokens: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            post_i: Default::default(),
            take_i: Default::default(),
            token0_i: Default::default(),
            token1_i: Default::default(),
            token2_i: Default::default(),
            token3_i: Default::default(),
            token4_i: Default::default(),
            grant_o: Default::default(),
            counter: (0..tokens).map(|_| Default::default()).collect(),
            gate: Default::default(),
            filled: Default::default(),
            at0: Default::default(),
            at1: Default::default(),
            at2: Default::default(),
            at3: Default::default(),
            at4: Default::default(),
            grant0: Default::default(),
            grant1: Default::default(),
            grant2: Default::default(),
            grant3: Default::default(),
            moves: Default::default(),
            here: Default::default(),
            mine: Default::default(),
            posts: Default::default(),
            given: Default::default(),
            grant: Default::default(),
            mask: Constant::new((tokens as u64 - 1).into()),
            _tokens: tokens,
        }
    }
}

impl Logic for Tokens {
    #[hdl_gen]
    fn update(&mut self) {
        self.filled.next = bits::<128>(0);
        for i in 0..self._tokens {
            self.filled.next = self.filled.val().replace_bit(i, self.counter[i].q.val().any());
        }
        // The lowest engine that asks, if there is a token.
        self.at0.next = self.token0_i.val() & self.mask.val();
        self.at1.next = self.token1_i.val() & self.mask.val();
        self.at2.next = self.token2_i.val() & self.mask.val();
        self.at3.next = self.token3_i.val() & self.mask.val();
        self.at4.next = self.token4_i.val() & self.mask.val();
        self.grant0.next =
            self.take_i.val().get_bit(0) & self.filled.val().get_bit(self.at0.val().index());
        self.grant1.next = (self.take_i.val().get_bit(1)
            & self.filled.val().get_bit(self.at1.val().index()))
            & !(self.take_i.val().get_bit(0) & (self.at0.val() == self.at1.val()));
        self.grant2.next = (self.take_i.val().get_bit(2)
            & self.filled.val().get_bit(self.at2.val().index()))
            & !((self.take_i.val().get_bit(0) & (self.at0.val() == self.at2.val()))
                | (self.take_i.val().get_bit(1) & (self.at1.val() == self.at2.val())));
        self.grant3.next = (self.take_i.val().get_bit(3)
            & self.filled.val().get_bit(self.at3.val().index()))
            & !((self.take_i.val().get_bit(0) & (self.at0.val() == self.at3.val()))
                | ((self.take_i.val().get_bit(1) & (self.at1.val() == self.at3.val()))
                    | (self.take_i.val().get_bit(2) & (self.at2.val() == self.at3.val()))));
        self.grant.next = (bit_cast::<4, 1>(self.grant0.val().into())
            | (bit_cast::<4, 1>(self.grant1.val().into()) << 1))
            | ((bit_cast::<4, 1>(self.grant2.val().into()) << 2)
                | (bit_cast::<4, 1>(self.grant3.val().into()) << 3));

        self.moves.next = self.post_i.val().any() | self.grant.val().any();
        self.gate.clock.next = self.clock.val();
        self.gate.run_i.next = self.moves.val() | self.reset.val();
        for i in 0..self._tokens {
            self.counter[i].clock.next = self.gate.clock_o.val();
            self.counter[i].d.next = self.counter[i].q.val();
            self.here.next = i.to_bits();
            self.mine.next = bits::<5>(0);
            self.posts.next = bits::<5>(0);
            self.given.next = bits::<4>(0);
            if self.moves.val() {
                if self.at0.val() == self.here.val() {
                    self.mine.next = self.mine.val() | bits::<5>(1);
                }
                if self.at1.val() == self.here.val() {
                    self.mine.next = self.mine.val() | bits::<5>(2);
                }
                if self.at2.val() == self.here.val() {
                    self.mine.next = self.mine.val() | bits::<5>(4);
                }
                if self.at3.val() == self.here.val() {
                    self.mine.next = self.mine.val() | bits::<5>(8);
                }
                if self.at4.val() == self.here.val() {
                    self.mine.next = self.mine.val() | bits::<5>(16);
                }
                self.posts.next = self.mine.val() & self.post_i.val();
                self.given.next = self.mine.val().get_bits::<4>(0) & self.grant.val();
                self.counter[i].d.next = ((self.counter[i].q.val()
                    + bit_cast::<8, 1>(self.posts.val().get_bits::<1>(0)))
                    + (bit_cast::<8, 1>(self.posts.val().get_bits::<1>(1))
                        + bit_cast::<8, 1>(self.posts.val().get_bits::<1>(2))))
                    + ((bit_cast::<8, 1>(self.posts.val().get_bits::<1>(3))
                        + bit_cast::<8, 1>(self.posts.val().get_bits::<1>(4)))
                        - bit_cast::<8, 1>(self.given.val().any().into()));
            }
        }
        self.grant_o.next = self.grant.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("tokens", &[("n", self._tokens)])
    }
}
