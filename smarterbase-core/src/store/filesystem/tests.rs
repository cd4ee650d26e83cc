//! Broken disks: what a write says then, and what it leaves behind.
