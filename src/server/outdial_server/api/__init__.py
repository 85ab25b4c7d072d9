"""The gRPC surface: one servicer a service, conversion by noun, one interceptor."""
