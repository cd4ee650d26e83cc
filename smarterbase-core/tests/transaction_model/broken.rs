//! Types that break one rule each.

use smarterbase_core::protocol::Rules;

macro_rules! broken {
    ($($name:ident: $rule:ident;)*) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) struct $name;
        impl Rules for $name {
            const $rule: bool = false;
        }
    )*};
}
broken! {
    ValidatesNothing: VALIDATE_READS;
    ValidatesFirst: VALIDATE_AFTER_PLACING;
    AnnouncesLate: ANNOUNCE_BEFORE_VALIDATING;
    IgnoresUndecided: HEED_UNDECIDED;
    IgnoresUndecidedWhenReading: HEED_UNDECIDED_WHEN_READ_ONLY;
    TrustsAbsent: CHECK_AGAIN_WHEN_ABSENT;
    TrustsAborted: CHECK_AGAIN_WHEN_ABORTED;
    RestoresOldBytes: ROLL_BACK_HAS_NEW_NONCE;
    GivesUpWithoutFence: FENCE_BEFORE_GIVING_UP;
}
