"""Generated from proto/outdial/v1: see its *_pb2 modules."""
