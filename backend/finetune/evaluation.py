"""The validation loss: the mean over all tokens, so that it does not depend on batches or the number of processes."""

from typing import Any


def validation_loss(trainer: Any) -> float:
    """Nats a token of a Trainer's validation blocks. Every process calls it, and all get the same."""
    import torch

    model, accelerator = trainer.model_wrapped, trainer.accelerator
    loader = trainer.callback_handler.eval_dataloader = trainer.get_eval_dataloader()
    was_training = model.training
    model.eval()
    total = count = 0.0
    with torch.no_grad():
        for batch in loader:
            inputs = trainer._prepare_inputs(batch)  # noqa: SLF001 - moves tensors as the Trainer itself does
            with trainer.compute_loss_context_manager():
                logits = model(input_ids=inputs["input_ids"]).logits
            sums, counts = zip(
                *(_sum(each, labels) for each, labels in zip(logits, inputs["labels"], strict=True)),
                strict=True,
            )
            # Blocks that one process sees again, so that all have as many batches, are not counted.
            all_sums, all_counts = accelerator.gather_for_metrics((torch.stack(sums), torch.stack(counts)))
            total += float(all_sums.double().sum())
            count += float(all_counts.sum())
            trainer.callback_handler.on_prediction_step(trainer.args, trainer.state, trainer.control)
    model.train(was_training)
    return total / max(1.0, count)


def _sum(logits: Any, labels: Any) -> tuple[Any, Any]:
    """The loss of one block, summed over its tokens, and how many they are; logits [n, V], labels [n]."""
    import torch
    from torch.nn.functional import cross_entropy

    loss = cross_entropy(logits[:-1].float(), labels[1:], reduction="sum", ignore_index=-100)
    return loss, (labels[1:] != -100).sum().to(torch.float32)
