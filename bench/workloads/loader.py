"""An epoch of a data loader: 4,096 pictures of 28x28 as normalized tensors, batches of 256, with 0 and 2 workers."""
from __future__ import annotations

COUNT, BATCH, MEAN, STD = 4096, 256, 0.13, 0.31
CASES: dict = {"loader-0-workers": {"workers": 0}, "loader-2-workers": {"workers": 2}}
TOLERANCE = 1e-6
HYBRID = COMPILED = False
BY_HAND = list(CASES)


def inputs(random, workers):
    return {"pictures": random.randint(0, 256, (COUNT, 28, 28, 1)).astype("uint8"),
            "labels": random.randint(0, 10, COUNT).astype("int32"), "workers": workers}


def in_numpy(data):
    def step():
        made = []
        for start in range(0, COUNT, BATCH):
            pictures = data.pictures[start:start + BATCH].transpose(0, 3, 1, 2)
            made += [(pictures / 255 - MEAN) / STD, data.labels[start:start + BATCH]]
        return made

    return step


def in_mxnet(data, block):
    import mxnet as mx
    from mxnet.gluon.data import ArrayDataset, DataLoader
    from mxnet.gluon.data.vision import transforms
    with mx.util.np_array(False), mx.util.np_shape(False):
        transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
        dataset = ArrayDataset(mx.nd.array(data.pictures, dtype="uint8"), data.labels).transform_first(transform)
        loader = DataLoader(dataset, BATCH, num_workers=data.workers)

    def step():
        with mx.util.np_array(False), mx.util.np_shape(False):
            return [array for batch in loader for array in batch]

    return step


def in_torch(data, engine):
    import torch
    mean, std = torch.tensor([MEAN]).view(-1, 1, 1), torch.tensor([STD]).view(-1, 1, 1)

    class Pictures(torch.utils.data.Dataset):
        """The pictures, with torchvision's arithmetic of ToTensor and Normalize, and the labels."""

        def __init__(self):
            self.pictures, self.labels = torch.from_numpy(data.pictures), torch.from_numpy(data.labels)

        def __len__(self):
            return COUNT

        def __getitem__(self, index):
            picture = self.pictures[index].permute(2, 0, 1).contiguous().to(torch.float32).div_(255)
            return picture.sub_(mean).div_(std), self.labels[index]

    loader = torch.utils.data.DataLoader(Pictures(), BATCH, num_workers=data.workers,
                                         persistent_workers=data.workers > 0)
    return lambda: [tensor for batch in loader for tensor in batch]
