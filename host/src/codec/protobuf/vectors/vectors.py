"""Makes vectors.json: messages written by Google's library for Python, and its own JSON of them. The tests only read it.

    pip install protobuf==7.36.2 grpcio-tools==1.85.1
    python -m grpc_tools.protoc -I. --python_out=. order.proto old.proto
    python -m grpc_tools.protoc -I. --include_imports --descriptor_set_out=order.bin order.proto
    python vectors.py > vectors.json
"""

import sys, json, google.protobuf
sys.path.insert(0, ".")
import order_pb2 as o, old_pb2 as r
from google.protobuf import json_format
T = "protobuf " + google.protobuf.__version__ + " for Python"
out = []
def add(name, definition, m, data=None):
    data = m.SerializeToString(deterministic=True) if data is None else data
    js = json_format.MessageToDict(m, always_print_fields_with_no_presence=True)
    out.append({"name": name, "made_by": T, "definition": definition, "hex": data.hex(), "json": js})
m = o.Order(id=2**64-1, least=-2**63, zigzag=2**63-1, fixed=2**64-1, small=-2**31, ratio=0.1, never=float("nan"), is_paid=True,
  raw=b"\x00\xff\x10", note="Gr\u00fc\u00dfe \"quoted\"\n", state=1, states=[0,1,17], maybe=0, cash=-1, rates=[0.1, float("-inf"), 1e300])
m.items.add(sku="a", count=2**32-1); m.items.add()
m.by_number[-2**63].sku = "m"
m.gift.sku = "g"
m.at.FromJsonString("2024-02-29T12:00:00.123456789Z"); m.took.FromJsonString("-3.000000001s")
m.boxed.value = 2**63-1
m.free.update({"a": [1, None, {"b": True}]})
m.any.Pack(o.Item(sku="packed", count=3))
m.parent.id = 2**53+1
add("every type", "order.proto", m)
add("nothing set", "order.proto", o.Order())
u = o.Order(id=5)
add("fields that the definition does not know", "order.proto", u, u.SerializeToString() + bytes.fromhex("f80f01" "e2fa0303616263"))
q = r.Reading(sensor="t1", count=0); q.sample.add(n=4); q.sample.add()
add("proto2 with defaults and a group", "old.proto", q)
print("[\n" + ",\n".join(json.dumps(x, ensure_ascii=False) for x in out) + "\n]")
