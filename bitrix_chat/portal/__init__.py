"""A small Bitrix24 portal on loopback: a second reading of the documentation, for demonstrations and tests."""

from bitrix_chat.portal.deliveries import Delivery, DeliveryState
from bitrix_chat.portal.drive import DriveFile
from bitrix_chat.portal.faults import Cut, Fault, FaultScript
from bitrix_chat.portal.front import Received
from bitrix_chat.portal.messages import Message
from bitrix_chat.portal.notifications import Notification
from bitrix_chat.portal.oauth import Grant, TokenRequest
from bitrix_chat.portal.played_user import PlayedUser
from bitrix_chat.portal.policy import Plan, PortalPolicy
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.server import Portal
from bitrix_chat.portal.state import Bot, Chat, User

__all__ = [
    "Bot",
    "Chat",
    "Cut",
    "Delivery",
    "DeliveryState",
    "DriveFile",
    "Fault",
    "FaultScript",
    "Grant",
    "Message",
    "Notification",
    "Plan",
    "PlayedUser",
    "Portal",
    "PortalPolicy",
    "Received",
    "Refusal",
    "TokenRequest",
    "User",
]
