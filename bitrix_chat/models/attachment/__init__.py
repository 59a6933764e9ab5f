"""Attachments of messages and notifications, built or as the portal's own JSON."""

from bitrix_chat.models.attachment.blocks import (
    AttachedFile,
    AttachedImage,
    AvatarType,
    Block,
    DelimiterBlock,
    FileBlock,
    GridBlock,
    GridDisplay,
    GridRow,
    ImageBlock,
    LinkBlock,
    MessageBlock,
    RawBlock,
    UserBlock,
)
from bitrix_chat.models.attachment.card import Attachment, AttachmentLike, attachment_wire
from bitrix_chat.models.fields import ColorToken

__all__ = [
    "AttachedFile",
    "AttachedImage",
    "Attachment",
    "AttachmentLike",
    "AvatarType",
    "Block",
    "ColorToken",
    "DelimiterBlock",
    "FileBlock",
    "GridBlock",
    "GridDisplay",
    "GridRow",
    "ImageBlock",
    "LinkBlock",
    "MessageBlock",
    "RawBlock",
    "UserBlock",
    "attachment_wire",
]
