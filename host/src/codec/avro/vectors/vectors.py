"""Makes vectors.json: Avro data of other libraries, and the JSON that it must become. The tests only read the result.

    pip install fastavro==1.13.1 avro==1.12.2
    python vectors.py > vectors.json
"""

import io, json, decimal, datetime as dt, uuid, fastavro, avro.schema, avro.io
from fastavro.schema import to_parsing_canonical_form, fingerprint
D = decimal.Decimal
decimal.getcontext().prec = 60
U = dt.timezone.utc
out = []
def add(name, tool, schema, data, expected):
    out.append({"name": name, "made_by": tool, "schema": schema, "hex": data.hex(), "json": expected})
def fa(schema, value):
    b = io.BytesIO(); fastavro.schemaless_writer(b, fastavro.parse_schema(json.loads(json.dumps(schema))), value); return b.getvalue()
F = "fastavro " + fastavro.__version__
order = {"type":"record","name":"Order","namespace":"shop","fields":[
 {"name":"id","type":"long"},{"name":"least","type":"long"},{"name":"small","type":"int"},
 {"name":"ratio","type":"float"},{"name":"rate","type":"double"},{"name":"never","type":"double"},
 {"name":"paid","type":"boolean"},{"name":"raw","type":"bytes"},
 {"name":"note","type":["null","string"],"default":None},{"name":"other","type":["null","string"],"default":None},
 {"name":"hash","type":{"type":"fixed","name":"Hash","size":4}},
 {"name":"state","type":{"type":"enum","name":"State","symbols":["NEW","PAID"]}},
 {"name":"was","type":"State"},
 {"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[{"name":"sku","type":"string"},{"name":"count","type":"int"}]}}},
 {"name":"gift","type":["null","Item"]},
 {"name":"labels","type":{"type":"map","values":"string"}},
 {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":10}},
 {"name":"fee","type":{"type":"fixed","name":"Fee","size":8,"logicalType":"decimal","precision":18,"scale":4}},
 {"name":"day","type":{"type":"int","logicalType":"date"}},
 {"name":"at","type":{"type":"int","logicalType":"time-millis"}},
 {"name":"at_micros","type":{"type":"long","logicalType":"time-micros"}},
 {"name":"ts_millis","type":{"type":"long","logicalType":"timestamp-millis"}},
 {"name":"ts_micros","type":{"type":"long","logicalType":"timestamp-micros"}},
 {"name":"local","type":{"type":"long","logicalType":"local-timestamp-micros"}},
 {"name":"key","type":{"type":"string","logicalType":"uuid"}},
]}
value = dict(id=2**63-1, least=-2**63, small=-2**31, ratio=0.1, rate=0.1, never=float("nan"), paid=True, raw=b"\x00\xff\x10",
 note="Gr\u00fc\u00dfe \"quoted\"\n\u0001", other=None, hash=b"\xde\xad\xbe\xef", state="PAID", was="NEW",
 items=[dict(sku="a",count=1),dict(sku="b",count=-2)], gift=dict(sku="c",count=0), labels={"z":"1","a":"2"},
 price=D("-1234567890123456789012345678.0123456789"), fee=D("-0.0001"),
 day=dt.date(2024,2,29), at=dt.time(13,45,0,123000), at_micros=dt.time(23,59,59,999999),
 ts_millis=dt.datetime(2024,2,29,12,0,0,7000,tzinfo=U), ts_micros=dt.datetime(1969,12,31,23,59,59,999999,tzinfo=U),
 local=dt.datetime(1,1,1,0,0,0,1), key=uuid.UUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"))
expected = r'''{"id":9223372036854775807,"least":-9223372036854775808,"small":-2147483648,"ratio":0.1,"rate":0.1,"never":"NaN","paid":true,"raw":"AP8Q","note":"Grüße \"quoted\"\n\u0001","other":null,"hash":"3q2+7w==","state":"PAID","was":"NEW","items":[{"sku":"a","count":1},{"sku":"b","count":-2}],"gift":{"sku":"c","count":0},"labels":{"z":"1","a":"2"},"price":"-1234567890123456789012345678.0123456789","fee":"-0.0001","day":"2024-02-29","at":"13:45:00.123","at_micros":"23:59:59.999999","ts_millis":"2024-02-29T12:00:00.007Z","ts_micros":"1969-12-31T23:59:59.999999Z","local":"0001-01-01T00:00:00.000001","key":"f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}'''
add("every type", F, order, fa(order, value), expected)
node = {"type":"record","name":"Node","fields":[{"name":"n","type":"long"},{"name":"next","type":["null","Node"]}]}
add("a recursive type", F, node, fa(node, {"n":1,"next":{"n":2,"next":{"n":3,"next":None}}}), '{"n":1,"next":{"n":2,"next":{"n":3,"next":null}}}')
simple = {"type":"record","name":"Reading","namespace":"lab","fields":[{"name":"sensor","type":"string"},{"name":"value","type":["null","double","string"]},{"name":"tags","type":{"type":"array","items":"string"},"default":[]},{"name":"raw","type":"bytes"},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}}]}
rec = {"sensor":"t1","value":21.5,"tags":["x"],"raw":b"\x00\xff","price":D("12.30"),"at":dt.datetime(2024,1,2,3,4,5,678901,tzinfo=U)}
exp = '{"sensor":"t1","value":21.5,"tags":["x"],"raw":"AP8=","price":"12.30","at":"2024-01-02T03:04:05.678901Z"}'
datum = fa(simple, rec)
add("a bare datum", F, simple, datum, exp)
fp = bytes.fromhex(fingerprint(to_parsing_canonical_form(simple), "CRC-64-AVRO"))
add("the single-object encoding", F, simple, b"\xc3\x01" + fp + datum, exp)
b = io.BytesIO(); fastavro.writer(b, fastavro.parse_schema(json.loads(json.dumps(simple))), [rec], codec="null", sync_marker=bytes(range(16)))
add("a container of one record", F, simple, b.getvalue(), exp)
s = io.StringIO(); fastavro.json_writer(s, fastavro.parse_schema(json.loads(json.dumps(simple))), [rec])
add("Avro's JSON encoding", F, simple, s.getvalue().encode(), exp)
A = "avro " + avro.__version__
def av(schema, v):
    b = io.BytesIO(); avro.io.DatumWriter(avro.schema.parse(json.dumps(schema))).write(v, avro.io.BinaryEncoder(b)); return b.getvalue()
add("the same by Apache's library", A, simple, av(simple, rec), exp)
scal = [("long", -2**63, "-9223372036854775808"), ("string", "", '""'), ("bytes", b"\xff", '"/w=="'), ("float", float("-inf"), '"-Infinity"'), ("double", 1.7976931348623157e308, "1.7976931348623157e+308"), ("null", None, "null"), ({"type":"map","values":"long"}, {}, "{}")]
for sc, v, e in scal: add("only " + json.dumps(sc), A, sc, av(sc, v), e)
print("[\n" + ",\n".join(json.dumps(o, ensure_ascii=False) for o in out) + "\n]")
