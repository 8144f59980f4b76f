"""Writes files of torch.save() and of Python's zipfile for the tests beside this folder.

usage: make_testdata.py FOLDER     (with Debian 12's python3-torch, 1.13.1)
The values are such that a test can say by hand what it expects.
"""
import io
import sys
import zipfile
import torch
from collections import OrderedDict

# 0.0, 1.0 ... 23.0 in four rows of six, and views of the same storage.
base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
tensors = OrderedDict(
    plain=base,
    rows=base[1:3],
    transposed=base.t(),
    columns=base[:, 1:4],
    permuted=base.reshape(2, 3, 4).permute(2, 0, 1),
    row=base[2:3].t()[:, 0],
    expanded=torch.tensor([1.5, 2.5]).expand(3, 2),
    scalar=torch.tensor(7.0),
    empty=torch.zeros(0, 5),
    parameter=torch.nn.Parameter(torch.tensor([1.0, -2.0])),
    complex64=torch.tensor([1 + 2j]))
for name in ['float16', 'bfloat16', 'float64', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool']:
    tensors[name] = torch.tensor([0, 1, 2, 3]).to(getattr(torch, name))
# What a state dict may hold besides, all of it to be left out.
tensors['step'] = 3
tensors['note'] = 'text'
tensors['size'] = torch.Size([2, 3])
tensors['device'] = torch.device('cpu')
tensors['others'] = [1, (2, -3.5), None, True, {'large': 2 ** 70, 'negative': -2 ** 40}, b'bytes']
tensors._metadata = {'': {'version': 1}}  # As state_dict() adds it.

parameter = torch.nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
linear = torch.nn.Linear(2, 2)

for protocol in (2, 3, 4, 5):
    torch.save(tensors, f'{sys.argv[1]}/protocol{protocol}.bin', pickle_protocol=protocol)
torch.save({'epoch': 4, 'parameter': parameter, 'state_dict': tensors}, sys.argv[1] + '/training.bin')
torch.save({'parameter': parameter}, sys.argv[1] + '/parameter.bin')
torch.save({'quantized': torch.quantize_per_tensor(base, 0.5, 0, torch.qint8)}, sys.argv[1] + '/quantized.bin')
torch.save({'sparse': base.to_sparse()}, sys.argv[1] + '/sparse.bin')
torch.save(linear, sys.argv[1] + '/module.bin')
torch.save(parameter, sys.argv[1] + '/tensor.bin')
torch.save({'a': base}, sys.argv[1] + '/legacy.bin', _use_new_zipfile_serialization=False)
torch.jit.save(torch.jit.script(linear), sys.argv[1] + '/script.bin')


class Unseekable(io.BytesIO):
    """Makes zipfile write descriptors after the data."""

    def seekable(self):
        return False

    def tell(self):
        raise OSError

    def seek(self, *_):
        raise OSError


def write_zip(file, method=zipfile.ZIP_STORED, force_zip64=False):
    with zipfile.ZipFile(file, 'w', method) as archive:
        for name, data in (('a/data.pkl', b'123456789'), ('a/data/0', bytes(range(200))), ('a/empty', b'')):
            with archive.open(zipfile.ZipInfo(name), 'w', force_zip64=force_zip64) as entry:
                entry.write(data)


write_zip(sys.argv[1] + '/stored.zip')
write_zip(sys.argv[1] + '/stored64.zip', force_zip64=True)
streamed = Unseekable()
write_zip(streamed, force_zip64=True)
open(sys.argv[1] + '/streamed64.zip', 'wb').write(streamed.getvalue())
streamed = Unseekable()
write_zip(streamed)
open(sys.argv[1] + '/streamed.zip', 'wb').write(streamed.getvalue())
with zipfile.ZipFile(sys.argv[1] + '/deflated.zip', 'w') as archive:
    archive.writestr('a/data.pkl', bytes(300), zipfile.ZIP_DEFLATED)
