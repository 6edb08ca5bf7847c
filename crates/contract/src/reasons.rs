/// Declares the reasons for which a crate sets rows aside: variant, code in the `quarantine` table, meaning.
///
/// ```
/// clinsynth_contract::reasons! {
///     /// Why a row was set aside.
///     pub enum Reason {
///         /// The text is empty.
///         EmptyText = "empty_text",
///     }
/// }
/// assert_eq!((Reason::EmptyText.code(), Reason::EmptyText.meaning()), ("empty_text", "The text is empty."));
/// ```
#[macro_export]
macro_rules! reasons {
    ($(#[$about:meta])* pub enum $name:ident { $($(#[doc = $meaning:literal])+ $variant:ident = $code:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $meaning])+ $variant,)+ }

        impl $name {
            /// Every reason, in the order in which the crate looks for them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code in the `quarantine` table.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// What it means, for reports.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($meaning),+).trim_ascii(),)+ }
            }
        }
    };
}
