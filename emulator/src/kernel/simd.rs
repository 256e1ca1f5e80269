//! Which vector instructions the kernels may use.

/// A level of vector instructions that this processor has. Results do not depend on it, only speed does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simd(pub(super) Level);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Simd {
    /// The best level of this processor.
    pub fn detect() -> Self {
        // `available` starts with the portable level, so it is never empty.
        Self::available().pop().unwrap_or(Self(Level::Portable))
    }

    /// All levels of this processor, slowest first. A `Simd` value is a proof that the processor has it: there is no other way
    /// to make one.
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut, reason = "only x86-64 has more than one level")]
        let mut levels = vec![Self(Level::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
            {
                levels.push(Self(Level::Avx2));
            }
            if is_x86_feature_detected!("avx512f")
                && levels.len() == 2
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512cd")
            {
                levels.push(Self(Level::Avx512));
            }
        }
        levels
    }
}

/// Defines functions whose plain loops are compiled once per [`Level`]; the first argument selects one.
macro_rules! vectorised {
    ($(
        $(#[$meta:meta])*
        pub fn $name:ident($simd:ident, $($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block
    )+) => {$(
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, reason = "a kernel names each of its arrays")]
        pub fn $name($simd: $crate::kernel::Simd, $($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments, reason = "as above")]
            fn body($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512cd,bmi1,bmi2,lzcnt,popcnt")]
            #[allow(clippy::too_many_arguments, reason = "as above")]
            fn avx512($($arg: $ty),*) $(-> $ret)? {
                body($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
            #[allow(clippy::too_many_arguments, reason = "as above")]
            fn avx2($($arg: $ty),*) $(-> $ret)? {
                body($($arg),*)
            }

            match $simd.0 {
                $crate::kernel::simd::Level::Portable => body($($arg),*),
                // SAFETY: a `Simd` of this level exists only where the processor was found to have these features.
                #[cfg(target_arch = "x86_64")]
                $crate::kernel::simd::Level::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::kernel::simd::Level::Avx512 => unsafe { avx512($($arg),*) },
            }
        }
    )+};
}

pub(super) use vectorised;
