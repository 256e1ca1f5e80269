use crate::prim::{Reg, module_name};
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
    here: Signal<Local, Bits<7>>,
    mine: Signal<Local, Bits<5>>,
    posts: Signal<Local, Bits<5>>,
    takes: Signal<Local, Bits<4>>,
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
            here: Default::default(),
            mine: Default::default(),
            posts: Default::default(),
            takes: Default::default(),
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
        self.grant.next = bits::<4>(0);
        for i in 0..self._tokens {
            self.counter[i].clock.next = self.clock.val();
            self.here.next = i.to_bits();
            self.mine.next = bits::<5>(0);
            if (self.token0_i.val() & self.mask.val()) == self.here.val() {
                self.mine.next = self.mine.val() | bits::<5>(1);
            }
            if (self.token1_i.val() & self.mask.val()) == self.here.val() {
                self.mine.next = self.mine.val() | bits::<5>(2);
            }
            if (self.token2_i.val() & self.mask.val()) == self.here.val() {
                self.mine.next = self.mine.val() | bits::<5>(4);
            }
            if (self.token3_i.val() & self.mask.val()) == self.here.val() {
                self.mine.next = self.mine.val() | bits::<5>(8);
            }
            if (self.token4_i.val() & self.mask.val()) == self.here.val() {
                self.mine.next = self.mine.val() | bits::<5>(16);
            }
            self.posts.next = self.mine.val() & self.post_i.val();
            self.takes.next = self.mine.val().get_bits::<4>(0) & self.take_i.val();
            // The lowest engine that asks, if there is a token.
            self.given.next = bits::<4>(0);
            if self.counter[i].q.val().any() {
                self.given.next = self.takes.val() & (bits::<4>(0) - self.takes.val());
            }
            self.grant.next = self.grant.val() | self.given.val();
            self.counter[i].d.next = ((self.counter[i].q.val()
                + bit_cast::<8, 1>(self.posts.val().get_bits::<1>(0)))
                + (bit_cast::<8, 1>(self.posts.val().get_bits::<1>(1))
                    + bit_cast::<8, 1>(self.posts.val().get_bits::<1>(2))))
                + ((bit_cast::<8, 1>(self.posts.val().get_bits::<1>(3))
                    + bit_cast::<8, 1>(self.posts.val().get_bits::<1>(4)))
                    - bit_cast::<8, 1>(self.given.val().any().into()));
        }
        self.grant_o.next = self.grant.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("tokens", &[("n", self._tokens)])
    }
}
