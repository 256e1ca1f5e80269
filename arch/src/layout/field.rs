//! Packed 32-bit words: one table per word, from which the typed struct, the offsets for the RTL and the reference tables come.

use thiserror::Error;

/// Everything wrong with a value to encode or a word to decode.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", .problems.join("; "))]
pub struct LayoutError {
    /// One sentence each.
    pub problems: Vec<String>,
}

impl LayoutError {
    /// An error with a single sentence.
    pub fn one(problem: String) -> Self {
        Self { problems: vec![problem] }
    }

    /// `Ok` when no problem was collected.
    pub fn check(problems: Vec<String>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self { problems }) }
    }
}

/// One field of a packed word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    /// Position of the least significant bit.
    pub offset: usize,
    pub bits: usize,
    /// Two's complement.
    pub signed: bool,
    pub meaning: &'static str,
}

impl Field {
    /// Mask of the field, shifted to bit 0.
    pub const fn mask(&self) -> u32 {
        u32::MAX >> (32 - self.bits)
    }

    /// Smallest and largest value.
    pub const fn range(&self) -> (i64, i64) {
        if self.signed {
            (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1)
        } else {
            (0, self.mask() as i64)
        }
    }

    /// Puts `value` in place, or says why it does not fit.
    pub fn insert(&self, word: &str, value: i64, problems: &mut Vec<String>) -> u32 {
        let (min, max) = self.range();
        if value < min || value > max {
            problems.push(format!(
                "{word}.{} is {value}, but its {} bits hold {min}..={max}",
                self.name, self.bits
            ));
        }
        (value as u32 & self.mask()) << self.offset
    }

    /// The value of the field in `word`, sign-extended when it is signed.
    pub fn extract(&self, word: u32) -> i64 {
        let raw = i64::from(word >> self.offset & self.mask());
        let sign = i64::from(self.signed) << (self.bits - 1);
        (raw ^ sign) - sign
    }
}

/// What a field may hold in Rust.
pub trait FieldValue: Sized + Copy {
    const SIGNED: bool;
    fn to_field(self) -> i64;
    /// `None` for a code without meaning.
    fn from_field(value: i64) -> Option<Self>;
}

macro_rules! integer_field {
    ($($ty:ty: $signed:literal),+) => {
        $(impl FieldValue for $ty {
            const SIGNED: bool = $signed;
            fn to_field(self) -> i64 {
                i64::from(self)
            }
            fn from_field(value: i64) -> Option<Self> {
                value.try_into().ok()
            }
        })+
    };
}
integer_field!(u8: false, u16: false, u32: false, i8: true);

impl FieldValue for bool {
    const SIGNED: bool = false;
    fn to_field(self) -> i64 {
        i64::from(self)
    }
    fn from_field(value: i64) -> Option<Self> {
        match value {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

/// A 32-bit word made of fields.
pub trait PackedWord: Sized + Copy {
    /// Name of the module with the field constants, and prefix in the C header.
    const NAME: &'static str;
    /// Fields in ascending order of offset.
    const FIELDS: &'static [Field];

    /// The word, or every field whose value does not fit.
    fn encode(&self) -> Result<u32, LayoutError>;
    /// The fields, or every field that holds a code without meaning. Bits outside all fields are ignored.
    fn decode(word: u32) -> Result<Self, LayoutError>;
}

/// Declares a packed word: the struct, a module with `OFFSET` and `BITS` of each field, and its [`PackedWord`] table.
macro_rules! packed_word {
    (
        $(#[$meta:meta])*
        pub struct $name:ident in $module:ident {
            $($(#[doc = $doc:literal])+ $field:ident: $ty:ty = $offset:literal, $bits:literal;)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $ty,)+
        }

        #[doc = concat!("Bit positions of [`", stringify!($name), "`](super::", stringify!($name), ").")]
        pub mod $module {
            $($(#[doc = $doc])+ pub mod $field {
                /// Position of the least significant bit.
                pub const OFFSET: usize = $offset;
                /// Width in bits.
                pub const BITS: usize = $bits;
            })+
        }

        impl $crate::layout::PackedWord for $name {
            const NAME: &'static str = stringify!($module);
            const FIELDS: &'static [$crate::layout::Field] = &[
                $($crate::layout::Field {
                    name: stringify!($field),
                    offset: $offset,
                    bits: $bits,
                    signed: <$ty as $crate::layout::FieldValue>::SIGNED,
                    meaning: concat!($($doc),+),
                },)+
            ];

            fn encode(&self) -> Result<u32, $crate::layout::LayoutError> {
                let mut problems = Vec::new();
                let mut fields = Self::FIELDS.iter();
                let mut word = 0;
                $(if let Some(field) = fields.next() {
                    let value = $crate::layout::FieldValue::to_field(self.$field);
                    word |= field.insert(Self::NAME, value, &mut problems);
                })+
                $crate::layout::LayoutError::check(problems)?;
                Ok(word)
            }

            fn decode(word: u32) -> Result<Self, $crate::layout::LayoutError> {
                let mut problems = Vec::new();
                let mut fields = Self::FIELDS.iter();
                let mut decoded = Self::default();
                $(if let Some(field) = fields.next() {
                    let value = field.extract(word);
                    match $crate::layout::FieldValue::from_field(value) {
                        Some(value) => decoded.$field = value,
                        None => problems.push(format!(
                            "{}.{} holds {value}, a code without meaning",
                            Self::NAME, field.name
                        )),
                    }
                })+
                $crate::layout::LayoutError::check(problems)?;
                Ok(decoded)
            }
        }
    };
}

/// Declares an enumeration stored in a field, with its codes.
macro_rules! code_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$vmeta:meta])* $variant:ident = $code:literal, $text:literal;)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$vmeta])* #[doc = $text] $variant = $code,)+
        }

        impl $name {
            /// Every variant with its code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code in the hardware.
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The variant of a code.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// Its name in the reference tables.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)+
                }
            }

            /// What it means, a phrase.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl $crate::layout::FieldValue for $name {
            const SIGNED: bool = false;
            fn to_field(self) -> i64 {
                i64::from(self.code())
            }
            fn from_field(value: i64) -> Option<Self> {
                Self::from_code(u8::try_from(value).ok()?)
            }
        }
    };
}

pub(crate) use {code_enum, packed_word};
