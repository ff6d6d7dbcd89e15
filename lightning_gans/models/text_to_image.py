"""What text-to-image models have in common: a discriminator that has to see what does not match."""

from torch import Tensor

from lightning_gans.batch import Batch, Condition, Sample
from lightning_gans.engine import Critic, TextModel
from lightning_gans.engine.text_model import next_other
from lightning_gans.models.gan import Adversarial


class MatchingAware(Adversarial, TextModel):
    """A game whose discriminator also tells images with their own sentence from images with another one.

        L_D = 1/2 d(x, t; G(z, t), t) + 1/2 d(x, t; x, t')

    with the objective's d of real and fake. Reed et al. 2016, arXiv:1605.05396, section 4.2, where t' is right and the
    image the wrong one, which is the same in expectation; StackGAN has the same. t' is the next other sentence of the
    batch.
    """

    def matching_loss(self, critic: Critic, real: Sample, fake: Sample) -> Tensor:
        """L_D of one critic, a scalar."""
        matched = critic.score(real)
        against_generated = critic.discriminator_loss(matched, fake)
        text = real.condition.text
        assert text is not None
        mismatched = critic.score(real._replace(condition=Condition(text=next_other(text))))
        self.log_value(f"logits/mismatched{'_' + critic.name if critic.name else ''}", mismatched.logits)
        return (against_generated + critic.discriminator_loss(matched, mismatched)) / 2

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """L_D."""
        return self.matching_loss(self.critic, self.real(batch), self.fake(batch))

    def fake(self, batch: Batch) -> Sample:
        """G(z, t) with its sentence."""
        return Sample(self.generator(self.latent(batch), *batch.condition.tensors()), batch.condition, generated=True)
