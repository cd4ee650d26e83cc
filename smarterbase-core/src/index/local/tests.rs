pub(super) mod disk;
