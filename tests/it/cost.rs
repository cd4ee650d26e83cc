//! What each operation costs, exactly: the performance contract.
