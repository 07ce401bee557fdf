"""How good the graders are: agreement, qualification, fitting, training, benchmarks. No request runs any of it."""
