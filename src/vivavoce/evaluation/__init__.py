"""How good the graders are: agreement, qualification, fitting, training, benchmarks. Requests run none of it."""
